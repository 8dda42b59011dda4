#include "accumulator.h"

#include <string.h>

enum { CW_MEMBER_ALIGN = 64 };

size_t cw_type_bytes(cw_type type) {
    switch (type) {
    case CW_F64:
        return 8;
    case CW_I64:
        return 8;
    case CW_I128:
        return 16;
    }
    return 0;
}

static size_t padded(const cw_member *member) {
    size_t bytes = cw_type_bytes(member->type) * (size_t)member->count;
    return (bytes + CW_MEMBER_ALIGN - 1) / CW_MEMBER_ALIGN * CW_MEMBER_ALIGN;
}

size_t cw_accumulator_offset(const cw_accumulator *accumulator, int32_t index) {
    size_t offset = 0;
    for (int32_t m = 0; m < index; m++) offset += padded(&accumulator->member[m]);
    return offset;
}

size_t cw_accumulator_bytes(const cw_accumulator *accumulator) {
    return cw_accumulator_offset(accumulator, accumulator->members);
}

void cw_accumulator_reset(const cw_accumulator *accumulator, void *state) {
    memset(state, 0, cw_accumulator_bytes(accumulator));
    if (accumulator->init) accumulator->init(accumulator->params, state);
}
