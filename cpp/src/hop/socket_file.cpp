#include "socket_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "framehop/base/error.hpp"

namespace framehop::hop {

void SocketFile::own(std::string path) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) throw_errno("lstat " + path);
    path_ = std::move(path);
    device_ = found.st_dev;
    inode_ = found.st_ino;
}

void SocketFile::remove() noexcept {
    struct stat found{};
    // While our socket is open its inode cannot be given to a successor's file, so the numbers tell the two apart.
    const bool is_ours =
        !path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
    if (is_ours) ::unlink(path_.c_str());
    path_.clear();
}

}  // namespace framehop::hop
