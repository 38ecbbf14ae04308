#pragma once

#include <sys/types.h>

#include <string>

namespace framehop::hop {

// Removes the file of a bound ipc:// socket with the socket: libzmq (4.3) replaces a file on bind, but leaves its own
// behind. Not thread-safe.
class SocketFile {
  public:
    SocketFile() = default;
    // Takes `path`, which was just bound. Throws Errc::system if it is not there.
    void own(std::string path);
    [[nodiscard]] const std::string& path() const noexcept { return path_; }  // empty when nothing is owned
    // Removes the file, unless another process has bound the path since. Harmless when nothing is owned.
    void remove() noexcept;

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace framehop::hop
