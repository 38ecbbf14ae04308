// Runs one hot loop a given number of times on made-up data, so that its instructions can be counted:
//     framehop_hot_loops                  prints the names of the loops, one a line
//     framehop_hot_loops NAME TIMES       runs one
//     framehop_hot_loops --all            runs each once
// What comes before the loop is the same for any number of times: the difference of two runs is the loop's alone.
#ifdef FRAMEHOP_VIDEO
extern "C" {
#include <libavutil/frame.h>
}
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "framehop/codec/encode.hpp"
#include "framehop/codec/jpeg.hpp"
#include "framehop/codec/orientation.hpp"
#include "framehop/image/nms.hpp"
#include "framehop/image/preprocess.hpp"
#include "framehop/wire/parse.hpp"
#include "framehop/wire/serialise.hpp"
#ifdef FRAMEHOP_VIDEO
#include "framehop/video/decoder.hpp"
#endif

namespace {

using namespace framehop;

using Loop = std::function<void()>;
using MakeLoop = std::function<Loop()>;  // what it makes beforehand is kept by the loop

struct Picture {
    std::uint32_t width;
    std::uint32_t height;
    std::vector<std::uint8_t> bytes;

    // Smooth in both directions, with a little noise: as costly for a JPEG as a photograph.
    Picture(std::uint32_t w, std::uint32_t h) : width(w), height(h), bytes(std::size_t{3} * w * h) {
        // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
        std::mt19937 random(7);
        for (std::size_t k = 0; k < bytes.size(); ++k) {
            const std::size_t x = k / 3 % width;
            const std::size_t y = k / 3 / width;
            bytes[k] = static_cast<std::uint8_t>((x * (1 + k % 3) + y) / 4 % 200 + random() % 16);
        }
    }
    [[nodiscard]] ConstImageView view() const { return {bytes.data(), width, height, width * 3}; }
    [[nodiscard]] ImageView view() { return {bytes.data(), width, height, width * 3}; }
};

template <class Element>
MakeLoop preprocess(Picture picture, image::PreprocessSpec spec, image::Simd level) {
    return [picture = std::move(picture), spec, level]() -> Loop {
        const image::Preprocessor kernel(spec, level);
        return [&picture, kernel, tensor = std::vector<Element>(kernel.tensor_size())]() mutable {
            (void)kernel.run(picture.view(), tensor);
        };
    };
}

MakeLoop decode(codec::Size size, codec::Size minimum) {
    return [size, minimum]() -> Loop {
        const Picture picture(size.width, size.height);
        const codec::EncodedJpeg encoded = codec::encode(picture.view(), 85);
        const std::vector<std::uint8_t> jpeg(encoded.bytes().begin(), encoded.bytes().end());
        const codec::Size scaled = codec::quickest_size(size, minimum, UINT64_MAX);
        return [jpeg, size, target = Picture(scaled.width, scaled.height)]() mutable {
            codec::decode(jpeg, size, target.view());
        };
    };
}

Loop turn() {
    return [from = Picture(1280, 720), to = Picture(720, 1280)]() mutable {
        codec::place_rows(std::as_const(from).view(), 0, codec::Orientation::quarter_turn, to.view());
    };
}

Loop suppress() {
    // NOLINTNEXTLINE(bugprone-random-generator-seed,cert-msc32-c,cert-msc51-cpp): the same each time
    std::mt19937 random(11);
    std::uniform_real_distribution<float> place(0.0F, 600.0F);
    std::vector<float> boxes;
    std::vector<float> scores;
    for (int k = 0; k < 1000; ++k) {
        const float x = place(random);
        const float y = place(random);
        boxes.insert(boxes.end(), {x, y, x + 10 + place(random) / 10, y + 10 + place(random) / 10});
        scores.push_back(place(random) / 600.0F);
    }
    return [boxes, scores, labels = std::vector<std::int32_t>(scores.size(), 1)] {
        (void)image::nms({boxes, scores, labels}, {});
    };
}

Loop answer() {
    wire::ReplyHeader header;
    header.preamble.kind = wire::Kind::reply;
    header.batch_size = 1;
    header.model = 1;
    const wire::Box box{.x1 = 1, .y1 = 2, .x2 = 30, .y2 = 40, .confidence = 0.5F, .label_id = 3};
    return [header, boxes = std::vector<wire::Box>(20, box)] {
        if (!wire::parse_reply(wire::serialise_reply(header, boxes, ""))) std::abort();
    };
}

#ifdef FRAMEHOP_VIDEO
Loop convert_film() {
    const video::Picture::Frame frame(av_frame_alloc());
    frame->format = AV_PIX_FMT_YUV420P;
    frame->width = 1280;
    frame->height = 720;
    if (av_frame_get_buffer(frame.get(), 0) < 0) std::abort();
    const auto from = std::make_shared<const video::Picture>(*frame);
    return [from, to = Picture(1280, 720)]() mutable { from->write(codec::Orientation::upright, to.view()); };
}
#endif

std::map<std::string, MakeLoop> loops() {
    using image::Colour;
    using image::Layout;
    using image::ResizeMode;
    using image::Simd;
    const image::PreprocessSpec yolo{.width = 640,
                                     .height = 640,
                                     .mode = ResizeMode::letterbox,
                                     .layout = Layout::nchw,
                                     .scale = {1 / 255.0F, 1 / 255.0F, 1 / 255.0F}};
    image::PreprocessSpec yolo_bgr = yolo;
    yolo_bgr.colour = Colour::bgr;
    const image::PreprocessSpec ssd{.width = 300, .height = 300};
    const Simd best = image::simd_levels().back();
    return {
        {"preprocess 720p to 640 letterbox NCHW float32", preprocess<float>(Picture(1280, 720), yolo, best)},
        {"preprocess 720p to 640 letterbox NCHW float32, baseline",
         preprocess<float>(Picture(1280, 720), yolo, Simd::baseline)},
        {"preprocess 720p to 640 letterbox NCHW BGR float16",
         preprocess<image::Half>(Picture(1280, 720), yolo_bgr, best)},
        {"preprocess 360p to 300 stretch NHWC float32", preprocess<float>(Picture(640, 360), ssd, best)},
        {"preprocess 360p to 300 stretch NHWC uint8", preprocess<std::uint8_t>(Picture(640, 360), ssd, best)},
#ifdef FRAMEHOP_VIDEO
        {"convert 720p of a film to RGB", convert_film},
#endif
        {"decode 720p at 4/8", decode({1280, 720}, {416, 234})},
        {"decode 720p at 8/8", decode({1280, 720}, {})},
        {"turn 720p by a quarter", turn},
        {"nms of 1000 boxes", suppress},
        {"reply of 20 boxes, there and back", answer},
    };
}

void run(const MakeLoop& make, long times) {
    const Loop loop = make();
    for (long k = 0; k < times; ++k) loop();
}

}  // namespace

int main(int count, char** words) {
    const auto known = loops();
    if (count == 1) {
        for (const auto& [name, make] : known) std::cout << name << '\n';
        return 0;
    }
    if (count == 2 && std::string(words[1]) == "--all") {
        for (const auto& [name, make] : known) run(make, 1);
        return 0;
    }
    const auto found = count == 3 ? known.find(words[1]) : known.end();
    if (found == known.end()) {
        std::cerr << "usage: framehop_hot_loops [NAME TIMES | --all]; without arguments it lists the names\n";
        return 2;
    }
    run(found->second, std::strtol(words[2], nullptr, 10));
    return 0;
}
