// SPDX-License-Identifier: Apache-2.0
// What each opcode does; names and numbers as in Python's pickletools.
#include "pickle_machine.h"

#include <array>

#include "safetensors_header.h"

namespace tern::hub {

namespace {

constexpr uint64_t kMostSteps = 10'000'000;
constexpr size_t kLongestText = (size_t{1} << 24) - 1;

// Texts, bytes and long numbers: a length of `width` bytes (BINFLOAT: none, it has 8), then these.
struct Literal {
  uint8_t opcode;
  Pickle::Kind kind;
  int width;
};
constexpr std::array kLiterals = {
    Literal{'X', Pickle::Kind::text, 4},           // BINUNICODE
    Literal{0x8C, Pickle::Kind::text, 1},          // SHORT_BINUNICODE
    Literal{0x8D, Pickle::Kind::text, 8},          // BINUNICODE8
    Literal{'U', Pickle::Kind::text, 1},           // SHORT_BINSTRING, of Python 2
    Literal{'T', Pickle::Kind::text, 4},           // BINSTRING
    Literal{'C', Pickle::Kind::bytes, 1},          // SHORT_BINBYTES
    Literal{'B', Pickle::Kind::bytes, 4},          // BINBYTES
    Literal{0x8E, Pickle::Kind::bytes, 8},         // BINBYTES8
    Literal{0x8A, Pickle::Kind::long_integer, 1},  // LONG1
    Literal{0x8B, Pickle::Kind::long_integer, 4},  // LONG4
    Literal{'G', Pickle::Kind::real, 0},           // BINFLOAT
};

// Opcodes that exist but make objects, or that no writer of weights emits.
struct Refused {
  uint8_t opcode;
  std::string_view name;
};
constexpr std::array kRefused = {
    Refused{'0', "POP"},          Refused{'1', "POP_MARK"},
    Refused{'2', "DUP"},          Refused{'F', "FLOAT"},
    Refused{'I', "INT"},          Refused{'L', "LONG"},
    Refused{'P', "PERSID"},       Refused{'S', "STRING"},
    Refused{'V', "UNICODE"},      Refused{'d', "DICT"},
    Refused{'g', "GET"},          Refused{'i', "INST"},
    Refused{'l', "LIST"},         Refused{'o', "OBJ"},
    Refused{'p', "PUT"},          Refused{0x81, "NEWOBJ"},
    Refused{0x82, "EXT1"},        Refused{0x83, "EXT2"},
    Refused{0x84, "EXT4"},        Refused{0x8F, "EMPTY_SET"},
    Refused{0x90, "ADDITEMS"},    Refused{0x91, "FROZENSET"},
    Refused{0x92, "NEWOBJ_EX"},   Refused{0x96, "BYTEARRAY8"},
    Refused{0x97, "NEXT_BUFFER"}, Refused{0x98, "READONLY_BUFFER"},
};

}  // namespace

/// A value that is the next `length` bytes of the input.
Pickle::Value PickleMachine::referenced(Kind kind, uint64_t length) {
  const size_t begin = reader_.offset();
  if (length > kLongestText) reject(cat("a text or number of ", length, " bytes"));
  if (!reader_.take(length)) reject("the pickle is cut off: an incomplete download?");
  return Value(kind, uint64_t{begin} << 24 | length);
}

std::string_view PickleMachine::line() {
  const size_t begin = reader_.offset();
  const std::string_view rest = as_text(pickle_.input_.subspan(begin, reader_.remaining()));
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) reject("a name without end");
  (void)reader_.take(end + 1);
  return rest.substr(0, end);
}

bool PickleMachine::text(uint8_t opcode) {
  for (const Literal& literal : kLiterals) {
    if (literal.opcode != opcode) continue;
    const uint64_t length = literal.width == 0   ? 8
                            : literal.width == 1 ? number<uint8_t>()
                            : literal.width == 4 ? number<uint32_t>()
                                                 : number<uint64_t>();
    push(referenced(literal.kind, length));
    return true;
  }
  return false;
}

bool PickleMachine::constant(uint8_t opcode) {
  const auto small = [](int64_t value) {
    return Value(Kind::integer, static_cast<uint64_t>(value) & ((uint64_t{1} << 56) - 1));
  };
  if (opcode == 'N') {
    push(Value(Kind::none, 0));
  } else if (opcode == 0x88 || opcode == 0x89) {  // NEWTRUE, NEWFALSE
    push(Value(Kind::boolean, opcode == 0x88 ? 1 : 0));
  } else if (opcode == 'K') {  // BININT1
    push(small(number<uint8_t>()));
  } else if (opcode == 'M') {  // BININT2
    push(small(number<uint16_t>()));
  } else if (opcode == 'J') {  // BININT
    push(small(number<int32_t>()));
  } else {
    return false;
  }
  return true;
}

/// A tuple of what lies above the last mark.
void PickleMachine::collect(Kind kind) {
  const auto begin = at_mark();
  const Value made = make(kind, {begin, stack_.end()});
  stack_.erase(begin, stack_.end());
  push(made);
}

/// The last `count` values go into the container below them.
void PickleMachine::append(Kind kind, size_t count) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor <= count) reject("the stack is empty");
  const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
  const Value target = *(begin - 1);
  if (target.kind() != kind) {
    reject(kind == Kind::list ? "appends to what is no list" : "sets an item of what is no dict");
  }
  extend(target, {begin, stack_.end()});
  stack_.erase(begin, stack_.end());
}

bool PickleMachine::container(uint8_t opcode) {
  const auto tuple = [this](size_t count) {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) reject("the stack is empty");
    const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
    const Value made = make(Kind::tuple, {begin, stack_.end()});
    stack_.erase(begin, stack_.end());
    push(made);
  };
  const auto above_mark = [this] { return static_cast<size_t>(stack_.end() - at_mark()); };
  switch (opcode) {
    case '(':
      charge(sizeof(size_t));
      marks_.push_back(stack_.size());
      return true;
    case ')':
      push(make(Kind::tuple, {}));
      return true;
    case ']':
      push(make(Kind::list, {}));
      return true;
    case '}':
      push(make(Kind::dict, {}));
      return true;
    case 't':
      collect(Kind::tuple);
      return true;
    case 0x85:
      tuple(1);
      return true;
    case 0x86:
      tuple(2);
      return true;
    case 0x87:
      tuple(3);
      return true;
    case 'a':
      append(Kind::list, 1);
      return true;
    case 'e':
      append(Kind::list, above_mark());
      return true;
    case 's':
      append(Kind::dict, 2);
      return true;
    case 'u': {
      const size_t count = above_mark();
      if (count % 2 != 0) reject("sets items of a dict, of which the last has no value");
      append(Kind::dict, count);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::memo(uint8_t opcode) {
  switch (opcode) {
    case 'q':
      remember(number<uint8_t>());
      return true;
    case 'r':
      remember(number<uint32_t>());
      return true;
    case 0x94:
      remember(memo_.size());
      return true;  // MEMOIZE
    case 'h':
      recall(number<uint8_t>());
      return true;
    case 'j':
      recall(number<uint32_t>());
      return true;
    default:
      return false;
  }
}

void PickleMachine::global(std::string_view module, std::string_view name) {
  for (size_t i = 0; i < globals_.size(); ++i) {
    if (globals_[i].name == name && globals_[i].module == module)
      return push(Value(Kind::global, i));
  }
  reject(ErrorCode::denied,
         cat("names the global ", shown_name(cat(module.substr(0, 200), ".", name.substr(0, 200))),
             ", which holds no weights; nothing was run. Do not load this file in Python: it would "
             "call it. Ask its author for a safetensors file"));
}

/// OrderedDict(), or OrderedDict([[key, value], …]) as Python 2 wrote it.
void PickleMachine::ordered_dict(std::span<const Value> arguments) {
  const Value dict = make(Kind::dict, {});
  if (arguments.size() > 1) reject("a dict made of more than one argument");
  if (arguments.size() == 1) {
    const Kind kind = arguments[0].kind();
    if (kind != Kind::list && kind != Kind::tuple)
      reject("a dict made of what is no list of pairs");
    const size_t count = pickle_.items(arguments[0]).size();
    for (size_t i = 0; i < count; ++i) {
      const Value pair = pickle_.items(arguments[0])[i];
      const auto items = pickle_.items(pair);
      if ((pair.kind() != Kind::list && pair.kind() != Kind::tuple) || items.size() != 2) {
        reject("a dict made of what is no list of pairs");
      }
      const std::array<Value, 2> member = {items[0], items[1]};  // the cells may move
      extend(dict, member);
    }
  }
  push(dict);
}

void PickleMachine::reduce() {
  const Value arguments = pop(), callee = pop();
  if (callee.kind() != Kind::global) reject(ErrorCode::denied, "calls what is no global");
  const PickleGlobal& known = globals_[callee.payload()];
  if (known.use == PickleGlobal::Use::name) {
    reject(ErrorCode::denied,
           cat("calls ", known.module, ".", known.name, ", which is no function"));
  }
  if (arguments.kind() != Kind::tuple) reject("calls with arguments that are no tuple");
  if (known.use == PickleGlobal::Use::dict) {
    const auto items = pickle_.items(arguments);
    const Value first = items.empty() ? Value() : items[0];
    return ordered_dict(items.size() > 1 ? items : std::span(&first, items.size()));
  }
  const std::array<Value, 2> made = {callee, arguments};
  push(make(Kind::call, made));
}

/// The attributes of an OrderedDict (`_metadata`: versions of modules) are dropped.
void PickleMachine::build() {
  const Kind state = pop().kind();
  if (top().kind() != Kind::dict || (state != Kind::dict && state != Kind::none)) {
    reject(ErrorCode::denied, "sets the state (BUILD) of what is no OrderedDict");
  }
}

bool PickleMachine::call(uint8_t opcode) {
  switch (opcode) {
    case 'c': {
      const std::string_view module = line();
      global(module, line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const auto name = pickle_.text(pop()), module = pickle_.text(pop());
      if (!name || !module) reject("a global whose name is no text");
      global(*module, *name);
      return true;
    }
    case 'Q': {  // BINPERSID
      const Value id = pop();
      push(make(Kind::persistent, std::span(&id, 1)));
      return true;
    }
    case 'R':
      reduce();
      return true;
    case 'b':
      build();
      return true;
    default:
      return false;
  }
}

void PickleMachine::refuse(uint8_t opcode) const {
  for (const Refused& known : kRefused) {
    if (known.opcode == opcode) {
      reject(ErrorCode::denied, cat("the opcode ", known.name, ", which no weights need"));
    }
  }
  reject(cat("the byte ", opcode, " is no opcode of a pickle"));
}

Pickle PickleMachine::run() {
  if (number<uint8_t>() != 0x80) reject("a pickle of protocol 2 or later begins with byte 128");
  const auto protocol = number<uint8_t>();
  if (protocol < 2 || protocol > 5)
    reject(cat("protocol ", protocol, " of pickle; expected 2 to 5"));
  for (uint64_t step = 0; step < kMostSteps; ++step) {
    at_ = reader_.offset();
    const auto opcode = number<uint8_t>();
    if (opcode == '.') {
      pickle_.root_ = pop();
      if (!stack_.empty() || !marks_.empty()) reject("values are left over at the end");
      pickle_.size_ = reader_.offset();
      return std::move(pickle_);
    }
    if (opcode == 0x95) {  // FRAME: how the writer buffered it
      if (number<uint64_t>() > reader_.remaining()) reject("a frame longer than the pickle");
      continue;
    }
    if (constant(opcode) || text(opcode) || memo(opcode) || container(opcode) || call(opcode))
      continue;
    refuse(opcode);
  }
  reject(cat("more than ", kMostSteps, " steps"));
}

Pickle Pickle::parse(const PickleInput& input) {
  return PickleMachine(input).run();
}

}  // namespace tern::hub
