// What must be refused. Run under ASan and UBSan as well: a parser that reads too far fails there.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/wire/parse.hpp"
#include "framehop/wire/serialise.hpp"
#include "framehop/wire/utf8.hpp"

namespace framehop::wire {
namespace {

constexpr Box kBox{.x1 = 0, .y1 = 0, .x2 = 1, .y2 = 1, .confidence = 0.5F, .label_id = 1};

Descriptor descriptor() {
    return {.detector_id = 1, .source_width = 8, .source_height = 8, .width = 8, .height = 8, .stride = 24};
}

Buffer hello() { return serialise_hello(1, "/ring"); }
Buffer welcome() { return serialise_welcome(1, 2); }
Buffer frames() {
    const Descriptor two[] = {descriptor(), descriptor()};
    return serialise_descriptors(two);
}
Buffer reply() {
    const Box two[] = {kBox, kBox};
    return serialise_reply({}, two, "");
}
Buffer failure() { return serialise_reply({.status = Status::failed}, {}, "why"); }

bool parses(Bytes message) {
    return parse_hello(message) || parse_welcome(message) || parse_descriptors(message) || parse_reply(message);
}

template <class Value>
Buffer with(Buffer message, std::size_t offset, Value value) {
    std::memcpy(message.data() + offset, &value, sizeof value);
    return message;
}

class EveryMessage : public testing::TestWithParam<Buffer (*)()> {
  protected:
    const Buffer message = GetParam()();
};

INSTANTIATE_TEST_SUITE_P(Wire, EveryMessage, testing::Values(hello, welcome, frames, reply, failure));

TEST_P(EveryMessage, parses_as_it_is) { EXPECT_TRUE(parses(message)); }

TEST_P(EveryMessage, is_refused_cut_anywhere) {
    for (std::size_t size = 0; size < message.size(); ++size) {
        if (kind_of(message) == Kind::frames && size > 0 && size % sizeof(Descriptor) == 0) continue;
        // A copy of exactly this size, so that ASan sees a read beyond it.
        const Buffer cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(parses(cut)) << size;
    }
}

TEST_P(EveryMessage, is_refused_with_a_byte_too_many) {
    Buffer longer = message;
    longer.push_back(0);
    EXPECT_FALSE(parses(longer));
}

TEST_P(EveryMessage, is_refused_with_another_magic_version_or_kind) {
    EXPECT_FALSE(parses(with(message, 0, kMagic + 1)));
    EXPECT_FALSE(parses(with(message, 4, std::uint16_t{kVersion + 1})));
    EXPECT_FALSE(parses(with(message, 6, std::uint16_t{0})));
    EXPECT_FALSE(parses(with(message, 6, std::uint16_t{5})));
    EXPECT_EQ(kind_of(with(message, 4, std::uint16_t{0})), std::nullopt);
}

TEST_P(EveryMessage, survives_random_damage) {
    std::mt19937 random(20240607);  // fixed, so that a failure can be repeated
    for (int round = 0; round < 20'000; ++round) {
        Buffer damaged = message;
        for (unsigned hit = random() % 4; hit < 4; ++hit) {
            damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
        }
        damaged.resize(random() % (message.size() + 1));
        damaged.shrink_to_fit();  // so that ASan sees a read beyond it
        const auto parsed = parse_reply(damaged);
        EXPECT_EQ(parsed ? parsed->boxes.size() : 0, parsed ? parsed->header.box_count : 0);
        (void)parses(damaged);
    }
}

struct Damage {
    const char* what;
    std::function<Buffer()> message;
};

void expect_refused(std::initializer_list<Damage> cases) {
    for (const Damage& damage : cases) EXPECT_FALSE(parses(damage.message())) << damage.what;
}

constexpr std::uint32_t kHuge = 0xFFFFFFFF;

TEST(Refused, hello) {
    expect_refused({
        {"path longer than the message", [] { return with(hello(), 16, kHuge); }},
        {"path shorter than the message", [] { return with(hello(), 16, 1U); }},
        {"reserved", [] { return with(hello(), 20, 1U); }},
        {"NUL in the path", [] { return with(hello(), 25, '\0'); }},
        {"not UTF-8", [] { return with(hello(), 25, '\xFF'); }},
        {"empty path",
         [] {
             Buffer message = with(hello(), 16, 0U);
             message.resize(sizeof(Hello));
             return message;
         }},
    });
}

TEST(Refused, welcome) {
    expect_refused({
        {"no detector", [] { return with(welcome(), 8, std::uint64_t{0}); }},
        {"no credits", [] { return with(welcome(), 16, 0U); }},
        {"too many credits", [] { return with(welcome(), 16, static_cast<std::uint32_t>(kMaxDescriptors + 1)); }},
        {"reserved", [] { return with(welcome(), 20, 1U); }},
    });
}

TEST(Refused, descriptors_one_of_which_is_wrong) {
    constexpr std::size_t kSecond = sizeof(Descriptor);
    expect_refused({
        {"magic", [] { return with(frames(), kSecond, 0U); }},
        {"no detector", [] { return with(frames(), kSecond + 8, std::uint64_t{0}); }},
        {"source width 0", [] { return with(frames(), kSecond + 40, 0U); }},
        {"source height", [] { return with(frames(), kSecond + 44, kMaxSide + 1); }},
        {"width whose row overflows 32 bits", [] { return with(frames(), kSecond + 48, 0x5555'5556U); }},
        {"height", [] { return with(frames(), kSecond + 52, 0U); }},
        {"stride below a row", [] { return with(frames(), kSecond + 56, 23U); }},
        {"stride", [] { return with(frames(), kSecond + 56, kHuge); }},
        {"reserved", [] { return with(frames(), kSecond + 60, 1U); }},
    });
}

TEST(Refused, more_descriptors_than_allowed) {
    Buffer message;
    for (std::size_t i = 0; i <= kMaxDescriptors / 2; ++i) {
        const Buffer two = frames();
        message.insert(message.end(), two.begin(), two.end());
    }
    EXPECT_FALSE(parse_descriptors(message));
}

TEST(Refused, reply) {
    constexpr std::size_t kSecond = sizeof(ReplyHeader) + sizeof(Box);
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    expect_refused({
        {"unknown status", [] { return with(reply(), 24, 3U); }},
        {"boxes without ok", [] { return with(reply(), 24, 2U); }},
        {"more boxes than bytes", [] { return with(reply(), 52, 3U); }},
        {"box bytes that overflow 32 bits", [] { return with(reply(), 52, 0x0800'0002U); }},
        {"boxes told as text", [] { return with(with(reply(), 52, 1U), 56, 32U); }},
        {"score NaN", [] { return with(reply(), kSecond + 16, kNan); }},
        {"score above 1", [] { return with(reply(), kSecond + 16, 1.5F); }},
        {"score below 0", [] { return with(reply(), kSecond + 16, -0.5F); }},
        {"label", [] { return with(reply(), kSecond + 20, -1); }},
        {"box reserved", [] { return with(reply(), kSecond + 28, 1U); }},
        {"text with ok", [] { return with(failure(), 24, 0U); }},
        {"text not UTF-8", [] { return with(failure(), 64, '\xC3'); }},
    });
}

TEST(Refused, a_box_with_any_corner_not_finite) {
    constexpr std::size_t kSecond = sizeof(ReplyHeader) + sizeof(Box);
    for (std::size_t corner = 0; corner < 4; ++corner) {
        for (const float value : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
            EXPECT_FALSE(parses(with(reply(), kSecond + corner * sizeof value, value))) << corner;
        }
    }
}

TEST(Refused, by_the_sender_too) {
    Descriptor wide = descriptor();
    wide.width = 9;
    const Descriptor wides[] = {wide};
    const Box boxes[] = {kBox, {.x1 = std::numeric_limits<float>::infinity()}};
    EXPECT_THROW((void)serialise_descriptors(wides), Error);
    EXPECT_THROW((void)serialise_reply({}, boxes, ""), Error);
    EXPECT_THROW((void)serialise_reply({.status = Status::stale}, {boxes, 1}, ""), Error);
    EXPECT_THROW((void)serialise_reply({.status = Status::failed}, {}, "\xFF"), Error);
    EXPECT_THROW((void)serialise_hello(1, ""), Error);
    EXPECT_THROW((void)serialise_hello(1, std::string(kMaxPath + 1, 'p')), Error);
}

TEST(Utf8, follows_rfc_3629) {
    using namespace std::string_view_literals;
    for (const auto text : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
                            "\xF4\x8F\xBF\xBF", "a\xC3\xA9z"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
    }
    for (const auto text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3z", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                            "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
    EXPECT_EQ(utf8_prefix("a\xE2\x82\xAC"sv, 3), "a");
    EXPECT_EQ(utf8_prefix("a\xE2\x82\xAC"sv, 4), "a\xE2\x82\xAC");
}

}  // namespace
}  // namespace framehop::wire
