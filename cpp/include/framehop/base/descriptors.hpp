// How many file descriptors this process may still open. libzmq aborts the process when there is none left for it, so
// we look before we leap.
#pragma once

#include <cstddef>
#include <string_view>

namespace framehop {

// Raises this process's limit as far as it may without privileges: the soft one to the hard one. Does nothing when that
// is not possible. Thread-safe.
void raise_descriptor_limit() noexcept;

// Throws Errc::system, naming the limit and how to raise it, when `count` more descriptors cannot be opened now. `what`
// needs them: "the hop's socket". Opens and closes them, so other threads may find none meanwhile.
void need_descriptors(std::size_t count, std::string_view what);

// The same, and raises this process's soft limit first as far as `count` needs, where the hard one allows it.
void reserve_descriptors(std::size_t count, std::string_view what);

// Throws Errc::system: there was no descriptor left for `what`.
[[noreturn]] void throw_no_descriptor(std::string_view what);

// Whether errno `number` means that no descriptor was left, for this process or for the machine.
[[nodiscard]] bool is_out_of_descriptors(int number) noexcept;

}  // namespace framehop
