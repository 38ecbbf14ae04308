#pragma once

#include <sys/types.h>

#include <string>

namespace framehop::hop {

// The file of a bound ipc:// socket, to be removed with it: libzmq (4.3) replaces one on bind and leaves its own
// behind. Not thread-safe.
class SocketFile {
  public:
    SocketFile() = default;
    // `path` was just bound. Throws Errc::system if it is not there.
    void own(std::string path);
    // Removes the file, unless another process has bound the path since. Harmless when nothing is owned.
    void remove() noexcept;

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace framehop::hop
