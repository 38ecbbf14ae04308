#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace framehop::shm {

// Owns one shared mapping. Move-only; the address stays the same when it moves.
class Mapping {
  public:
    enum class Access { read_only, read_write };

    Mapping() noexcept = default;
    // Maps the first `bytes` of `fd`. Throws Errc::no_memory or Errc::system, naming the size.
    Mapping(int fd, std::uint64_t bytes, Access access);
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Mapping& operator=(Mapping&&) = delete;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    [[nodiscard]] std::byte* data() const noexcept { return address_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return bytes_; }

  private:
    std::byte* address_ = nullptr;
    std::uint64_t bytes_ = 0;
};

}  // namespace framehop::shm
