// `slot_model` proves that the rules of the ring's slots hold in every state; `slot_model FAULT` proves that they
// notice a protocol with that fault.
#include "slot_protocol.hpp"

namespace framehop::models {
namespace {

const Cast kDetectorAndTap{"a detector and a tap", {0, 1}, 1, 1, true, 3, 1, 1};
const Cast kTwoDetectors{"two detectors", {0, 1}, 2, 0, false, 3, 2, 0};
const Cast kTwoTaps{"two taps and one ticket for both", {0, 1}, 0, 1, false, 2, 1, 1};
const Cast kGreedyTap{"a tap of two threads and another tap", {0, 0, 1}, 0, 2, true, 2, 1, 1};

struct Variant {
    const char* name;
    Fault fault;
    const Cast& cast;
    const char* broken;
};

const Variant kVariants[] = {
    {"silent_reclaim", Fault::silent_reclaim, kDetectorAndTap, kLostWake},
    {"sleep_uncompared", Fault::sleep_uncompared, kDetectorAndTap, kLostWake},
    {"reused_place", Fault::reused_place, kTwoDetectors, kWrongPixels},
    {"unchecked_lease", Fault::unchecked_lease, kTwoDetectors, kWrongPixels},
    {"early_ticket", Fault::early_ticket, kTwoTaps, kOverQuota},
    {"unkept_ticket", Fault::unkept_ticket, kGreedyTap, kStarved},
    {"half_reclaim", Fault::half_reclaim, kTwoTaps, kLeaked},
};

int all_hold() {
    int status = 0;
    for (const Cast& cast : {kDetectorAndTap, kTwoDetectors, kTwoTaps, kGreedyTap}) {
        status |= judge(cast.name.c_str(), SlotModel(cast, Fault::none), "");
    }
    return status;
}

int breaks(std::string_view name) {
    for (const Variant& variant : kVariants) {
        if (name == variant.name) return judge(variant.name, SlotModel(variant.cast, variant.fault), variant.broken);
    }
    std::printf("there is no fault of that name\n");
    return 2;
}

}  // namespace
}  // namespace framehop::models

int main(int argc, char** argv) { return argc == 1 ? framehop::models::all_hold() : framehop::models::breaks(argv[1]); }
