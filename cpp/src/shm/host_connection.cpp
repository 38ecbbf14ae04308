#include "framehop/shm/host_connection.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "framehop/shm/local_socket.hpp"

namespace framehop::shm {
namespace {

ino_t inode_of(int fd) noexcept {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

HostConnection::HostConnection(UniqueFd fd) noexcept
    : fd_(std::move(fd)), inode_(inode_of(fd_.get())), pid_(::getpid()) {}

bool HostConnection::is_still_ours() const noexcept { return inode_ != 0 && inode_of(fd_.get()) == inode_; }

bool HostConnection::host_lives() noexcept {
    std::array<std::byte, 64> note{};
    while (!host_is_gone_) {
        if (!is_still_ours()) break;
        const ssize_t bytes = ::recv(fd_.get(), note.data(), note.size(), MSG_DONTWAIT);
        if (bytes < 0 && errno == EAGAIN) return true;
        host_is_gone_ = bytes == 0 || (bytes < 0 && errno != EINTR);
    }
    return false;
}

void HostConnection::part() noexcept {
    if (!fd_) return;
    if (!is_still_ours()) {
        static_cast<void>(fd_.release());
        return;
    }
    if (pid_ == ::getpid()) {
        const Goodbye goodbye;
        try_send(fd_.get(), std::as_bytes(std::span(&goodbye, 1)), {});
        ::shutdown(fd_.get(), SHUT_RDWR);
    }
    fd_.reset();
}

}  // namespace framehop::shm
