#include "states.h"

#include <string.h>

cw_code cw_states_open(cw_env *env, int32_t count, const cw_accumulator *const *accumulator, cw_order order,
                       cw_states *out) {
    memset(out, 0, sizeof *out);
    out->env = env;
    CW_TRY(cw_alloc(env, (size_t)count, sizeof(void *), &out->accumulator));
    CW_TRY(cw_alloc(env, (size_t)count, sizeof(size_t), &out->offset));
    for (int32_t k = 0; k < count; k++) {
        if (accumulator[k]->order != order) continue;
        out->accumulator[out->count] = accumulator[k];
        out->offset[out->count++] = out->bytes;
        out->bytes += cw_accumulator_bytes(accumulator[k]);
    }
    return CW_OK;
}

void cw_states_close(cw_states *states) {
    while (states->pool) {
        void *piece = states->pool;
        memcpy(&states->pool, piece, sizeof states->pool);
        cw_free(states->env, &piece);
    }
    if (!states->env) return;
    cw_free(states->env, &states->accumulator);
    cw_free(states->env, &states->offset);
}

cw_code cw_states_take(cw_states *states, void **piece) {
    *piece = states->pool;
    if (!*piece) return cw_alloc(states->env, states->bytes, 1, piece);
    memcpy(&states->pool, *piece, sizeof states->pool);
    return CW_OK;
}

void cw_states_give(cw_states *states, void **piece) {
    if (!*piece) return;
    memcpy(*piece, &states->pool, sizeof states->pool);
    states->pool = *piece;
    *piece = NULL;
}

void cw_states_reset(const cw_states *states, void *piece) {
    for (int32_t k = 0; k < states->count; k++)
        cw_accumulator_reset(states->accumulator[k], (char *)piece + states->offset[k]);
}

void cw_states_add(const cw_states *states, void *piece, void *scratch, const cw_block *block) {
    for (int32_t k = 0; k < states->count; k++) {
        const cw_accumulator *accumulator = states->accumulator[k];
        accumulator->add(accumulator->params, (char *)piece + states->offset[k], scratch, block);
    }
}

void cw_states_merge(const cw_states *states, void *piece, const void *later) {
    for (int32_t k = 0; k < states->count; k++) {
        const cw_accumulator *accumulator = states->accumulator[k];
        accumulator->merge(accumulator->params, (char *)piece + states->offset[k],
                           (const char *)later + states->offset[k]);
    }
}
