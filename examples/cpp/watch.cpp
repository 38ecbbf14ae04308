// Live pictures of a running pipeline and what was found in them, in C++ alone, from this machine or another:
// framehop_watch tcp://HOST:PORT FRAMES, where `framehop serve-frames --raw --insecure` is. Keys, of `framehop keys
// create`, would go into ReceiverOptions::keys.
#include <chrono>
#include <cstdlib>
#include <exception>
#include <framehop/hop/frame_receiver.hpp>
#include <iostream>
#include <string_view>

using namespace framehop;
using namespace std::chrono_literals;

namespace {

// The frame's event as JSON, as the log has it.
std::string_view event_of(const hop::IncomingFrame& frame) {
    return {reinterpret_cast<const char*>(frame.note.data()), frame.note.size()};
}

void show(const hop::IncomingFrame& frame) {
    const ConstImageView picture = hop::image_in(frame);  // where the message lies, as long as `frame` lives
    std::cout << frame.stream << " #" << frame.header.seq << ": " << picture.width << " x " << picture.height << ", "
              << event_of(frame) << std::endl;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) return EXIT_FAILURE;
    hop::FrameReceiver receiver(argv[1], {.insecure = true});
    for (int left = std::atoi(argv[2]); left > 0;) {
        hop::ReceiverEvents events;
        if (!receiver.poll(1s, {}, events)) continue;
        for (const auto& note : events.notes) std::cerr << note << "\n";
        for (const auto& frame : events.frames) show(frame);
        left -= static_cast<int>(events.frames.size());
    }
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return EXIT_FAILURE;
}
