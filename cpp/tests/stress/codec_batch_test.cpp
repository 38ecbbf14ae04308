#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "framehop/codec/batch.hpp"
#include "framehop/codec/encode.hpp"

namespace framehop::codec {
namespace {

// Several callers, many small batches with poison among them, and a decoder that ends right after the last one.
TEST(BatchDecoderStress, callers_and_workers_hand_over_cleanly) {
    constexpr int kRounds = 10;
    constexpr int kCallers = 3;
    constexpr int kBatches = 40;
    std::vector<std::uint8_t> pixels(std::size_t{32} * 24 * 3, 90);
    const EncodedJpeg jpeg = encode({pixels.data(), 32, 24, 32 * 3}, 80);
    std::atomic<int> decoded{0};
    const auto call = [&](BatchDecoder& decoder) {
        std::vector<std::uint8_t> memory(pixels.size() * 5);
        std::vector<DecodeTask> tasks;
        for (std::size_t k = 0; k < 5; ++k) {
            tasks.push_back({.bytes = jpeg.bytes().first(k == 2 ? 50 : jpeg.bytes().size()),
                             .target =
                                 [&memory, k](Size size) {
                                     std::uint8_t* const pixels_at = memory.data() + k * 32 * 24 * 3;
                                     return ImageView{pixels_at, size.width, size.height, size.width * 3};
                                 },
                             .done = [&decoded](bool ok) { decoded += ok ? 1 : 0; }});
        }
        std::vector<DecodeOutcome> outcomes(tasks.size());
        for (int k = 0; k < kBatches; ++k) decoder.decode(tasks, outcomes);
    };
    for (int round = 0; round < kRounds; ++round) {
        BatchDecoder decoder(3, kDefaultMaxPixels);
        std::vector<std::jthread> callers;
        for (int k = 0; k < kCallers; ++k) callers.emplace_back(call, std::ref(decoder));
        callers.clear();
    }
    EXPECT_EQ(decoded, kRounds * kCallers * kBatches * 4);
}

}  // namespace
}  // namespace framehop::codec
