// Bytes borrowed from Python for the length of one call.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <span>

namespace framehop::python {

// Holds a contiguous view of any bytes-like object; the memory stays put while this lives. Make and destroy it with the
// GIL.
class BorrowedBytes {
  public:
    explicit BorrowedBytes(pybind11::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw pybind11::error_already_set();
    }
    BorrowedBytes(BorrowedBytes&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
    BorrowedBytes(const BorrowedBytes&) = delete;
    BorrowedBytes& operator=(const BorrowedBytes&) = delete;
    BorrowedBytes& operator=(BorrowedBytes&&) = delete;
    ~BorrowedBytes() {
        if (view_.obj != nullptr) PyBuffer_Release(&view_);
    }

    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return {static_cast<const std::uint8_t*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

}  // namespace framehop::python
