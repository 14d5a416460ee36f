// SPDX-License-Identifier: Apache-2.0
// The only file that knows libhdf5. The file is handed to it as an image in memory, through
// callbacks that give it the mapping itself, so nothing is copied and nothing is opened; filters
// that it would load from elsewhere are switched off.
#include "hdf5_library.h"

#include <dlfcn.h>
#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/dtype.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "hdf5_answer.h"

namespace tern::hub {

namespace {

/// The functions of libhdf5 that are used, by their names.
#define TERN_HDF5_FUNCTIONS(X)                                                            \
  X(H5open)                                                                               \
  X(H5Eset_auto2)                                                                         \
  X(H5PLset_loading_state)                                                                \
  X(H5Pcreate)                                                                            \
  X(H5Pset_fapl_core)                                                                     \
  X(H5Pset_file_image_callbacks) X(H5Pset_file_image) X(H5Fopen) X(H5Oopen) X(H5Lexists)  \
      X(H5Idec_ref) X(H5Iget_type) X(H5Aexists) X(H5Aopen) X(H5Aget_space) X(H5Aget_type) \
          X(H5Aread) X(H5Aget_storage_size) X(H5Sget_simple_extent_npoints)               \
              X(H5Sget_simple_extent_ndims) X(H5Sget_simple_extent_dims) X(H5Tget_class)  \
                  X(H5Tget_size) X(H5Tis_variable_str) X(H5Tget_fields) X(H5Tget_ebias)   \
                      X(H5Tget_order) X(H5Tget_sign) X(H5Tget_precision) X(H5Tget_offset) \
                          X(H5Tcopy) X(H5Tset_order) X(H5Dget_space) X(H5Dget_type)       \
                              X(H5Dget_offset) X(H5Dread)

struct Library {
#define TERN_HDF5_DECLARE(name) decltype(&::name) name;
  TERN_HDF5_FUNCTIONS(TERN_HDF5_DECLARE)
#undef TERN_HDF5_DECLARE
  hid_t* file_access;
};

/// Debian's name, then those of libhdf5's own builds; the headers decide which version fits.
constexpr const char* kNames[] = {"libhdf5_serial.so.103", "libhdf5.so.103", "libhdf5.so.200",
                                  "libhdf5_serial.so.310", "libhdf5.so.310", "libhdf5.so"};

void* find_symbol(void* library, const char* name) {
  void* symbol = ::dlsym(library, name);
  if (!symbol) fail(ErrorCode::unsupported, cat("libhdf5 has no ", name, ": install another"));
  return symbol;
}

/// One that is not the headers' version has other types and stays loaded, unused: it has begun.
bool fits(void* handle, std::string& found) {
  const auto version =
      reinterpret_cast<decltype(&::H5get_libversion)>(find_symbol(handle, "H5get_libversion"));
  unsigned major = 0, minor = 0, release = 0;
  version(&major, &minor, &release);
  found += cat(found.empty() ? "" : ", ", major, ".", minor, ".", release);
  return major == H5_VERS_MAJOR && minor == H5_VERS_MINOR;
}

void* load_library() {
  std::string found;
  for (const char* name : kNames) {
    void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle && fits(handle, found)) return handle;
  }
  fail(ErrorCode::unsupported,
       cat("TensorFlow's .h5 files need libhdf5 ", H5_VERS_MAJOR, ".", H5_VERS_MINOR, ", ",
           found.empty() ? "which cannot be loaded" : cat("but there is ", found),
           ": install it (Debian: libhdf5-103-1)"));
}

Library bind_library() {
  void* handle = load_library();
  Library library = {};
#define TERN_HDF5_BIND(name) \
  library.name = reinterpret_cast<decltype(&::name)>(find_symbol(handle, #name));
  TERN_HDF5_FUNCTIONS(TERN_HDF5_BIND)
#undef TERN_HDF5_BIND
  library.file_access = static_cast<hid_t*>(find_symbol(handle, "H5P_CLS_FILE_ACCESS_ID_g"));
  return library;
}

/// Loaded once and never let go.
const Library& library() {
  static const Library loaded = bind_library();
  return loaded;
}

// ── in the child ────────────────────────────────────────────────────────────────────────────────

/// Ends the reading with a sentence for the parent.
struct Problem {
  std::string text;
};

/// An identifier of libhdf5, given back at the end of its scope.
class Id {
 public:
  Id(hid_t id, const std::string& problem) : id_(id) {
    if (id < 0) throw Problem{problem};
  }
  ~Id() { library().H5Idec_ref(id_); }
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  operator hid_t() const { return id_; }  // NOLINT: stands for it wherever libhdf5 wants one

 private:
  hid_t id_;
};

/// The image that the callbacks hand out: theirs carry no pointer that must not be copied.
std::byte* g_image = nullptr;  // NOLINT: of this child only

void* image_malloc(size_t, H5FD_file_image_op_t, void*) {
  return g_image;
}
void* image_memcpy(void* to, const void*, size_t, H5FD_file_image_op_t, void*) {
  return to;
}
herr_t image_free(void*, H5FD_file_image_op_t, void*) {
  return 0;
}

hid_t open_image(Bytes file) {
  const Library& h5 = library();
  if (h5.H5open() < 0) throw Problem{"libhdf5 cannot be initialised"};
  h5.H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  h5.H5PLset_loading_state(0);
  g_image = const_cast<std::byte*>(file.data());  // NOLINT: mapped read-only, opened read-only
  H5FD_file_image_callbacks_t callbacks = {};
  callbacks.image_malloc = image_malloc;
  callbacks.image_memcpy = image_memcpy;
  callbacks.image_free = image_free;
  const hid_t access = h5.H5Pcreate(*h5.file_access);
  const bool set = access >= 0 && h5.H5Pset_fapl_core(access, 1 << 20, 0) >= 0 &&
                   h5.H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
                   h5.H5Pset_file_image(access, g_image, file.size()) >= 0;
  if (!set) throw Problem{"libhdf5 cannot read from memory"};
  constexpr unsigned kReadOnly = 0;
  const hid_t opened = h5.H5Fopen("weights", kReadOnly, access);
  if (opened < 0) throw Problem{"libhdf5 cannot open it: an incomplete download?"};
  return opened;
}

/// A name of the file inside a sentence.
std::string quoted(const std::string& name) {
  return cat("'", name.substr(0, 120), "'");
}

/// Appends the texts of one attribute, of fixed or variable length.
void read_texts(hid_t object, const std::string& name, size_t most, std::vector<std::string>& out) {
  const Library& h5 = library();
  const std::string problem = cat("the attribute ", name, " cannot be read");
  const Id attribute(h5.H5Aopen(object, name.c_str(), H5P_DEFAULT), problem);
  const Id space(h5.H5Aget_space(attribute), problem);
  const Id type(h5.H5Aget_type(attribute), problem);
  const hssize_t count = h5.H5Sget_simple_extent_npoints(space);
  if (count == 0) return;
  const size_t width = h5.H5Tget_size(type);
  const bool sound = count > 0 && h5.H5Tget_class(type) == H5T_STRING && width > 0 &&
                     h5.H5Aget_storage_size(attribute) <= most &&
                     static_cast<uint64_t>(count) <= most / std::min<size_t>(width, 8);
  if (!sound) throw Problem{cat("the attribute ", name, " is no list of names")};
  const auto n = static_cast<size_t>(count);
  if (h5.H5Tis_variable_str(type) > 0) {
    std::vector<char*> texts(n);
    if (h5.H5Aread(attribute, type, texts.data()) < 0) throw Problem{problem};
    for (const char* text : texts) out.emplace_back(text ? text : "");
    return;
  }
  if (n > most / width) throw Problem{problem};
  std::vector<char> texts(n * width);
  if (h5.H5Aread(attribute, type, texts.data()) < 0) throw Problem{problem};
  for (size_t i = 0; i < n; ++i) {
    const char* text = texts.data() + i * width;
    out.emplace_back(text, ::strnlen(text, width));
  }
}

/// An attribute; Keras cuts one that is too long for a header into name0, name1, ….
std::vector<std::string> texts_of(hid_t object, const std::string& name, size_t most) {
  const Library& h5 = library();
  std::vector<std::string> out;
  if (h5.H5Aexists(object, name.c_str()) > 0) {
    read_texts(object, name, most, out);
    return out;
  }
  for (size_t i = 0;; ++i) {
    const std::string part = cat(name, i);
    if (h5.H5Aexists(object, part.c_str()) <= 0) {
      if (i == 0) throw Problem{cat("there is no attribute ", name, ": not written by Keras?")};
      return out;
    }
    read_texts(object, part, most, out);
  }
}

struct Float {
  DType dtype;
  size_t size, sign, exponent, exponent_bits, mantissa_bits, bias;
};
constexpr Float kFloats[] = {{DType::f32, 4, 31, 23, 8, 23, 127},
                             {DType::f64, 8, 63, 52, 11, 52, 1023},
                             {DType::f16, 2, 15, 10, 5, 10, 15},
                             {DType::bf16, 2, 15, 7, 8, 7, 127}};
/// Unsigned and signed, by the logarithm of their bytes.
constexpr DType kIntegers[4][2] = {{DType::u8, DType::i8},
                                   {DType::u16, DType::i16},
                                   {DType::u32, DType::i32},
                                   {DType::u64, DType::i64}};

uint8_t dtype_of(hid_t type) {
  const Library& h5 = library();
  const size_t size = h5.H5Tget_size(type);
  const H5T_class_t kind = h5.H5Tget_class(type);
  if (kind != H5T_INTEGER && kind != H5T_FLOAT) return kHdf5OtherType;
  const H5T_order_t order = h5.H5Tget_order(type);
  const bool plain = h5.H5Tget_precision(type) == 8 * size && h5.H5Tget_offset(type) == 0 &&
                     (order == H5T_ORDER_LE || order == H5T_ORDER_BE);
  if (!plain) return kHdf5OtherType;
  if (kind == H5T_INTEGER) {
    for (size_t i = 0; i < std::size(kIntegers); ++i) {
      if (size != size_t{1} << i) continue;
      return static_cast<uint8_t>(kIntegers[i][h5.H5Tget_sign(type) == H5T_SGN_NONE ? 0 : 1]);
    }
    return kHdf5OtherType;
  }
  Float found = {};
  size_t mantissa = 0;
  if (h5.H5Tget_fields(type, &found.sign, &found.exponent, &found.exponent_bits, &mantissa,
                       &found.mantissa_bits) < 0) {
    return kHdf5OtherType;
  }
  for (const Float& known : kFloats) {
    if (size == known.size && mantissa == 0 && found.sign == known.sign &&
        found.exponent == known.exponent && found.exponent_bits == known.exponent_bits &&
        found.mantissa_bits == known.mantissa_bits && h5.H5Tget_ebias(type) == known.bias) {
      return static_cast<uint8_t>(known.dtype);
    }
  }
  return kHdf5OtherType;
}

class Lister {
 public:
  Lister(Bytes file, std::span<std::byte> list, std::span<std::byte> data)
      : file_(file), list_(list), data_(data) {}

  void run() {
    const Library& h5 = library();
    hid_t root = open_image(file_);
    // A whole model, saved with its optimiser, has its weights one level down.
    if (h5.H5Aexists(root, "layer_names") <= 0 && h5.H5Aexists(root, "layer_names0") <= 0 &&
        h5.H5Lexists(root, "model_weights", H5P_DEFAULT) > 0) {
      root = h5.H5Oopen(root, "model_weights", H5P_DEFAULT);
    }
    for (const std::string& layer : texts_of(root, "layer_names", file_.size())) {
      const Id object(h5.H5Oopen(root, layer.c_str(), H5P_DEFAULT),
                      cat("there is nothing at ", quoted(layer), ", which layer_names lists"));
      if (h5.H5Iget_type(object) == H5I_DATASET) {
        add(object, scoped(layer));
        continue;
      }
      for (const std::string& name : texts_of(object, "weight_names", file_.size())) {
        const Id weight(h5.H5Oopen(object, name.c_str(), H5P_DEFAULT),
                        cat("there is no weight ", quoted(name), ", which weight_names lists"));
        if (h5.H5Iget_type(weight) != H5I_DATASET) {
          throw Problem{cat("what is at ", quoted(name), " is no dataset")};
        }
        add(weight, name);
      }
    }
  }

  Hdf5Answer answer = {};

 private:
  /// Transformers leaves the model's own scope out of most names of a shard's datasets.
  static std::string scoped(const std::string& name) {
    const bool whole = name.find("model.") != name.npos || name.find('/') == name.npos;
    return whole ? name : cat("model/", name);
  }

  void add(hid_t dataset, const std::string& name) {
    const Library& h5 = library();
    const std::string problem = cat("the dataset ", quoted(name), " cannot be read");
    const Id space(h5.H5Dget_space(dataset), problem), type(h5.H5Dget_type(dataset), problem);
    Hdf5Record record = {};
    const int rank = h5.H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > static_cast<int>(kHdf5HighestRank)) throw Problem{problem};
    std::array<hsize_t, H5S_MAX_RANK> dims{};
    if (h5.H5Sget_simple_extent_dims(space, dims.data(), nullptr) < 0) throw Problem{problem};
    std::copy_n(dims.begin(), rank, record.dims.begin());
    record.rank = static_cast<uint16_t>(rank);
    record.name_size = static_cast<uint32_t>(name.size());
    record.dtype = dtype_of(type);
    const hssize_t count = h5.H5Sget_simple_extent_npoints(space);
    const size_t width = h5.H5Tget_size(type);
    if (count < 0 || width == 0) throw Problem{problem};
    if (__builtin_mul_overflow(static_cast<uint64_t>(count), uint64_t{width}, &record.size)) {
      throw Problem{problem};
    }
    if (record.size > 0 && record.dtype != kHdf5OtherType) place(dataset, type, name, record);
    write(record, name);
  }

  /// Where the elements lie; those that are not as this machine has them are read.
  void place(hid_t dataset, hid_t type, const std::string& name, Hdf5Record& record) {
    const Library& h5 = library();
    const haddr_t offset = h5.H5Dget_offset(dataset);
    const bool little = h5.H5Tget_order(type) == H5T_ORDER_LE || h5.H5Tget_size(type) == 1;
    record.begin = offset;
    if (offset != HADDR_UNDEF && little) return;
    const uint64_t begin = (answer.data_size + 63) / 64 * 64;
    if (begin > data_.size() || record.size > data_.size() - begin) {
      throw Problem{
          cat("the dataset ", quoted(name), " would make it more than four times the file")};
    }
    const std::string problem = cat("the dataset ", quoted(name), " cannot be read");
    const Id memory(h5.H5Tcopy(type), problem);
    if (h5.H5Tset_order(memory, H5T_ORDER_LE) < 0 ||
        h5.H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data_.data() + begin) < 0) {
      throw Problem{problem};
    }
    record.begin = begin;
    record.in_data = 1;
    answer.data_size = begin + record.size;
  }

  void write(const Hdf5Record& record, const std::string& name) {
    const size_t padded = (name.size() + 7) / 8 * 8;
    const uint64_t at = sizeof answer + answer.list_size;
    if (sizeof record + padded > list_.size() - at) {
      throw Problem{"its names take more memory than the file"};
    }
    std::memcpy(list_.data() + at, &record, sizeof record);
    std::memcpy(list_.data() + at + sizeof record, name.data(), name.size());
    answer.list_size += sizeof record + padded;
    ++answer.records;
  }

  Bytes file_;
  std::span<std::byte> list_, data_;
};

}  // namespace

void load_hdf5() {
  library();
}

void list_keras_weights(Bytes file, std::span<std::byte> list, std::span<std::byte> data) noexcept {
  Lister lister(file, list, data);
  const auto tell = [&](std::string_view problem) {
    const size_t size = std::min(problem.size(), lister.answer.problem.size() - 1);
    std::memcpy(lister.answer.problem.data(), problem.data(), size);
  };
  try {
    lister.run();
  } catch (const Problem& problem) {
    tell(problem.text);
  } catch (const std::bad_alloc&) {
    tell("libhdf5's process needs more memory than it may have");
  } catch (...) {
    tell("libhdf5 failed");
  }
  lister.answer.complete = 1;
  std::memcpy(list.data(), &lister.answer, sizeof lister.answer);
}

}  // namespace tern::hub
