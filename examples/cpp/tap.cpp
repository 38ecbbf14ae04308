// Live pictures of a running pipeline, in C++ alone: framehop_tap RING STREAM FRAMES. RING is the `path` of a ring, as
// `framehop status --json` shows it; the worker whose ring it is must be the one that reads the stream. An empty STREAM
// means any. A tap has slots of its own beside the pipeline's, so it never slows it.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <framehop/shm/reader.hpp>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

using namespace framehop;
using namespace std::chrono_literals;

namespace {

// The mean of all values of a picture, 0 to 255. It reads the slot where the pipeline has it: RGB, as all pipelines do.
std::uint64_t brightness(const ConstImageView& picture) {
    if (picture.format != PixelFormat::rgb8) throw std::runtime_error("a ring of another program: no RGB");
    std::uint64_t sum = 0;
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        sum = std::accumulate(picture.row(y), picture.row(y) + 3 * picture.width, sum);
    }
    return sum / (std::uint64_t{3} * picture.width * picture.height);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4) return EXIT_FAILURE;
    shm::RingReader reader(shm::attach(argv[1], shm::Role::tap, 5s));
    shm::FrameTag last;
    for (int left = std::atoi(argv[3]); left > 0 && reader.alive(); std::this_thread::sleep_for(2ms)) {
        const auto lease = reader.try_lease_newest(argv[2]);
        if (!lease || lease->tag() == last) continue;  // a picture lies in its slot only while it is looked at
        last = lease->tag();
        --left;
        const ConstImageView picture = lease->image();
        std::cout << last.stream << " #" << last.seq << ": " << picture.width << " x " << picture.height
                  << ", brightness " << brightness(picture) << std::endl;
    }
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return EXIT_FAILURE;
}
