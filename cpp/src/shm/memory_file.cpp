#include "framehop/shm/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

constexpr std::uint64_t kStatBlock = 512;  // the unit of st_blocks, see stat(2)
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

void allocate(int fd, std::uint64_t bytes, const std::string& what) {
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    if (error == 0) return;
    throw Error(Errc::no_memory, what + " needs " + std::to_string(bytes) +
                                     " bytes of memory: " + std::generic_category().message(error));
}

}  // namespace

UniqueFd make_memory_file(const char* name, std::uint64_t bytes, const std::string& what) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd && is_out_of_descriptors(errno)) throw_no_descriptor(what);
    if (!fd) throw_errno(std::string("memfd_create ") + name);
    allocate(fd.get(), bytes, what);
    // With mode 0400 nobody but root can reopen a reader's descriptor for writing through /proc.
    if (::fchmod(fd.get(), 0400) != 0) throw_errno(std::string("fchmod ") + name);
    return fd;
}

void seal(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) throw_errno("fcntl(F_ADD_SEALS)");
}

std::uint64_t sealed_size(int fd, const std::string& what) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) throw Error(Errc::wrong_layout, what + " is not sealed");
    struct stat status{};
    if (::fstat(fd, &status) != 0) throw_errno("fstat of " + what);
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    // A page that was never taken is taken when it is first touched, and SIGBUS if there is none left then.
    if (static_cast<std::uint64_t>(status.st_blocks) * kStatBlock < bytes) {
        throw Error(Errc::wrong_layout, what + " was sealed before it was taken");
    }
    return bytes;
}

}  // namespace framehop::shm
