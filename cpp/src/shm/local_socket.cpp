#include "framehop/shm/local_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

constexpr int kBacklog = 64;
constexpr int kPeerPidfd = 77;  // SO_PEERPIDFD, Linux 6.5; the C library's headers may be older than the kernel
constexpr int kSocketKind = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr std::size_t kMaxFds = 2;

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) {
        throw Error(Errc::invalid_argument, "a socket path has 1 to " + std::to_string(sizeof address.sun_path - 1) +
                                                " bytes, this one has " + std::to_string(path.size()) +
                                                "; use a shorter directory: " + path);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

UniqueFd make_socket() {
    UniqueFd fd(::socket(AF_UNIX, kSocketKind, 0));
    if (!fd && is_out_of_descriptors(errno)) throw_no_descriptor("a socket");
    if (!fd) throw_errno("socket(AF_UNIX)");
    return fd;
}

bool try_connect(int fd, const sockaddr_un& address) noexcept {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool somebody_listens(const sockaddr_un& address) {
    const UniqueFd probe = make_socket();
    // EAGAIN means a full backlog, so there is a listener.
    return try_connect(probe.get(), address) || errno == EAGAIN;
}

void remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return;
    if (!S_ISSOCK(status.st_mode)) throw Error(Errc::refused, "there is a file that is no socket at " + path);
    if (somebody_listens(address))
        throw Error(Errc::refused, "another ring host serves " + path + "; choose another path");
    ::unlink(path.c_str());
}

ino_t inode_of(const std::string& path) noexcept {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

void fill_rights(msghdr& header, std::span<const int> fds) noexcept {
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(control), fds.data(), fds.size_bytes());
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
}

std::vector<UniqueFd> take_rights(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
        std::array<int, kMaxFds> raw{};
        const std::size_t count = std::min((control->cmsg_len - CMSG_LEN(0)) / sizeof(int), raw.size());
        std::memcpy(raw.data(), CMSG_DATA(control), count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i) fds.emplace_back(raw[i]);
    }
    return fds;
}

}  // namespace

void check_private_directory(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    const std::string directory = parent.empty() ? "." : parent;
    struct stat status{};
    if (::lstat(directory.c_str(), &status) != 0) throw_errno("the socket's directory " + directory);
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0777) != 0700) {
        throw Error(Errc::refused, "the socket's directory " + directory +
                                       " must be a directory of yours with mode 0700; make it with: mkdir -m 700");
    }
}

Listener::Listener(const std::string& path) : path_(path), fd_(make_socket()) {
    const sockaddr_un address = address_of(path);
    check_private_directory(path);
    remove_stale(path, address);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw_errno("bind " + path);
    inode_ = inode_of(path);
    if (::listen(fd_.get(), kBacklog) != 0) throw_errno("listen " + path);
}

Listener::~Listener() {
    // Another host may have put its own socket there meanwhile.
    if (!path_.empty() && inode_of(path_) == inode_) ::unlink(path_.c_str());
}

UniqueFd Listener::try_accept() const noexcept {
    return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

UniqueFd connect_to(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd fd = make_socket();
    if (!try_connect(fd.get(), address)) throw_errno("there is no ring host at " + path + "; connect");
    const auto peer = peer_of(fd.get());
    if (!peer || peer->uid != ::geteuid())
        throw Error(Errc::refused, "the ring host at " + path + " is another user's");
    return fd;
}

std::optional<Peer> peer_of(int socket) noexcept {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    return Peer{credentials.pid, credentials.uid};
}

UniqueFd peer_pidfd(int socket, pid_t pid) noexcept {
    int raw = -1;
    socklen_t size = sizeof raw;
    if (::getsockopt(socket, SOL_SOCKET, kPeerPidfd, &raw, &size) == 0) return UniqueFd(raw);
    if (errno != ENOPROTOOPT) return {};
    // On an older kernel use the pid: while the connection stands, its process most likely lives.
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool try_send(int socket, std::span<const std::byte> message, std::span<const int> fds) noexcept {
    iovec part{.iov_base = const_cast<std::byte*>(message.data()), .iov_len = message.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        fill_rights(header, fds);
    }
    return ::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(message.size());
}

std::optional<Received> try_receive(int socket, std::span<std::byte> buffer) {
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t bytes = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    // Any other error means that the peer is gone, as an orderly end does.
    const std::size_t count = bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
    return Received{.bytes = count,
                    .truncated = (header.msg_flags & MSG_TRUNC) != 0,
                    .lost_fds = (header.msg_flags & MSG_CTRUNC) != 0,
                    .fds = take_rights(header)};
}

bool wait_readable(int fd, std::chrono::nanoseconds timeout) {
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    const timespec relative{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
    const int ready = ::ppoll(&watched, 1, &relative, nullptr);
    if (ready < 0 && errno != EINTR) throw_errno("ppoll");
    return ready > 0;
}

}  // namespace framehop::shm
