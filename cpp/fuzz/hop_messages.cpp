// Any bytes are a message of the hop or none, and what they are parsed to is in range and makes the same bytes again.
#include <algorithm>
#include <cstdlib>

#include "framehop/wire/parse.hpp"
#include "framehop/wire/serialise.hpp"

namespace {

using namespace framehop::wire;

void check(bool holds) {
    if (!holds) std::abort();
}

bool same(Bytes one, const Buffer& other) { return std::equal(one.begin(), one.end(), other.begin(), other.end()); }

void read(Bytes message) {
    if (const auto greeting = parse_hello(message)) {
        check(kind_of(message) == Kind::hello && is_valid_path(greeting->ring_path));
        check(same(message, serialise_hello(greeting->ring_id, greeting->ring_path)));
    }
    if (const auto welcome = parse_welcome(message)) {
        check(kind_of(message) == Kind::welcome && welcome->detector_id != 0);
        check(welcome->credits >= 1 && welcome->credits <= kMaxDescriptors);
        check(same(message, serialise_welcome(welcome->detector_id, welcome->credits)));
    }
    if (const auto descriptors = parse_descriptors(message)) {
        check(kind_of(message) == Kind::frames && !descriptors->empty() && descriptors->size() <= kMaxDescriptors);
        for (const Descriptor& descriptor : *descriptors) check(is_valid(descriptor));
        check(same(message, serialise_descriptors(*descriptors)));
    }
    if (const auto reply = parse_reply(message)) {
        check(kind_of(message) == Kind::reply && reply->boxes.size() == reply->header.box_count);
        for (const Box& box : reply->boxes) check(is_valid(box));
        check(same(message, serialise_reply(reply->header, reply->boxes, reply->text)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read({data, size});
    return 0;
}
