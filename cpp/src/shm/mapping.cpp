#include "framehop/shm/mapping.hpp"

#include <sys/mman.h>

#include <string>

#include "framehop/base/error.hpp"

namespace framehop::shm {

Mapping::Mapping(int fd, std::uint64_t bytes, Access access) : bytes_(bytes) {
    const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        throw_errno("mmap of " + std::to_string(bytes) + " bytes of ring memory (is RLIMIT_AS, `ulimit -v`, too low?)");
    }
    address_ = static_cast<std::byte*>(address);
}

Mapping::~Mapping() {
    if (address_ != nullptr) ::munmap(address_, bytes_);
}

}  // namespace framehop::shm
