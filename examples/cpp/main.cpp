// A JPEG is decoded into a slot of a ring in shared memory and read from there: framehop_example PICTURE.jpg.
// Here one process has all three parts; another one would attach to the same path.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <framehop/codec/jpeg.hpp>
#include <framehop/shm/host.hpp>
#include <framehop/shm/reader.hpp>
#include <framehop/shm/ring.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

using namespace framehop;
using namespace std::chrono_literals;

int main(int argc, char** argv) try {
    if (argc != 2) return EXIT_FAILURE;
    std::ifstream file(argv[1], std::ios::binary);
    const std::vector<std::uint8_t> jpeg{std::istreambuf_iterator<char>(file), {}};
    const codec::Size size = codec::read_header(jpeg);

    std::string directory = "/tmp/framehop-XXXXXX";  // a ring's socket needs a directory of mode 0700
    if (::mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;
    const std::uint64_t slot_bytes = std::uint64_t{3} * size.width * size.height;
    shm::RingHost host(directory + "/ring.sock", shm::plan_geometry(4, slot_bytes, 0));
    shm::Ring ring(shm::attach(host.path(), shm::Role::writer, 5s));
    shm::RingReader reader(shm::attach(host.path(), shm::Role::detector, 5s));

    const auto slot = ring.try_acquire({.stream = "example", .epoch = 1, .seq = 0});
    codec::decode(jpeg, size, slot->image(size.width, size.height));
    const shm::SlotRef ref = slot->publish();

    if (const auto lease = reader.try_lease(ref.id())) {
        const ConstImageView picture = lease->image();
        const std::uint8_t* middle = picture.row(picture.height / 2) + 3 * (picture.width / 2);
        std::cout << lease->tag().stream << ": " << picture.width << " x " << picture.height << ", in the middle RGB "
                  << +middle[0] << " " << +middle[1] << " " << +middle[2] << "\n";
    }
    host.close();
    std::filesystem::remove(directory);
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return EXIT_FAILURE;
}
