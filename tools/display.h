// SPDX-License-Identifier: Apache-2.0
// What a terminal is and how text is fitted to it: width, colour, and text from untrusted files
// made safe to show (control characters visible, nothing that moves the cursor or reverses
// direction).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::cli {

/// May this descriptor get colours and cursor movement? A terminal, TERM is not "dumb", and for
/// colours NO_COLOR is unset or empty.
bool is_terminal(int fd);
bool wants_colour(int fd);
/// Columns of the terminal on this descriptor; 0 when it is none.
size_t terminal_columns(int fd);

/// The text with tabs as spaces, other control characters as pictures (U+2400 …), direction marks
/// and invalid UTF-8 as U+FFFD; cut to `columns` display columns with "…" at the end (0: not cut).
std::string printable(std::string_view text, size_t columns = 0);
/// The same of text of many lines: line feeds and tabs stay.
std::string terminal_text(std::string_view text);
/// Display columns of printable text: wide East Asian characters and emoji count 2, marks 0.
size_t display_width(std::string_view text);

/// "22.7 MB"
std::string size_text(uint64_t bytes);

}  // namespace tern::cli
