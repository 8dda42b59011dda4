#include "exchange.h"

#include <string.h>

#include "../src/base/random.h"
#include "inside.h"

/* A key with its sums as it travels: a head, then `width` sums; multiples of 16 bytes. */
typedef struct cw_wire {
    cw_key key;
    int64_t count, unused;
} cw_wire;

/* Memory for messages under way, a rank; large tables go in several rounds. */
enum { IN_FLIGHT = 64 << 20 };

/* The counts and displacements, in bytes, of one side of MPI_Alltoallv. */
typedef struct cw_side {
    int64_t *records; /* to or from each rank, in all */
    int *bytes, *place;
    char *buffer;
} cw_side;

/* Who sends what to whom: every rank's slots sorted by owner, at most `share` records a pair and round. */
typedef struct cw_route {
    cw_context *context;
    const cw_keysum *local;
    int32_t width;
    size_t record; /* bytes */
    int64_t share, rounds;
    int64_t *slot;   /* of local, by owner */
    int64_t *start;  /* of each owner's slots in it */
    int64_t *target; /* the owner's slot of every record it received, in order of arrival; or NULL */
    cw_side out, in;
} cw_route;

static char *record_at(const cw_route *route, const cw_side *side, int64_t index) {
    return side->buffer + (size_t)index * route->record;
}

static cw_i128 *wire_sums(cw_wire *wire) {
    return (cw_i128 *)(void *)(wire + 1);
}

/* --- the route ------------------------------------------------------------------------------------ */

/* A number that tells tables apart that cannot be summed; non-negative. */
static int64_t signature(const cw_keysum *table) {
    int32_t width = cw_keysum_width(table);
    uint64_t hash = cw_hash64(&width, sizeof width, 1);
    for (int32_t j = 0; j < width; j++) {
        int32_t quantum = cw_keysum_quantum_of(table, j);
        hash = cw_hash64(&quantum, sizeof quantum, hash);
    }
    return (int64_t)(hash >> 2);
}

static int owner_of(const cw_route *route, cw_key key) {
    return cw_run_owner(CW_BUCKETS, route->context->size, cw_key_bucket(key, CW_BUCKETS));
}

static cw_code open_side(cw_env *env, size_t size, cw_side *side) {
    CW_TRY(cw_alloc_zero(env, size, sizeof *side->records, &side->records));
    CW_TRY(cw_alloc(env, size, sizeof *side->bytes, &side->bytes));
    return cw_alloc(env, size, sizeof *side->place, &side->place);
}

static void close_side(cw_env *env, cw_side *side) {
    cw_free(env, &side->records);
    cw_free(env, &side->bytes);
    cw_free(env, &side->place);
    cw_free(env, &side->buffer);
}

static void close_route(cw_route *route) {
    cw_env *env = route->context->env;
    cw_free(env, &route->slot);
    cw_free(env, &route->start);
    cw_free(env, &route->target);
    close_side(env, &route->out);
    close_side(env, &route->in);
}

/* Sorts the local slots by owner (counting, then placing). */
static cw_code sort_slots(cw_route *route) {
    cw_env *env = route->context->env;
    size_t size = (size_t)route->context->size;
    int64_t slots = cw_keysum_size(route->local);
    CW_TRY(open_side(env, size, &route->out));
    CW_TRY(open_side(env, size, &route->in));
    CW_TRY(cw_alloc_zero(env, size + 1, sizeof *route->start, &route->start));
    CW_TRY(cw_alloc(env, (size_t)slots, sizeof *route->slot, &route->slot));
    for (int64_t s = 0; s < slots; s++) route->out.records[owner_of(route, cw_keysum_key(route->local, s))]++;
    for (size_t r = 0; r < size; r++) route->start[r + 1] = route->start[r] + route->out.records[r];
    for (int64_t s = 0; s < slots; s++)
        route->slot[route->start[owner_of(route, cw_keysum_key(route->local, s))]++] = s;
    for (size_t r = size; r > 0; r--) route->start[r] = route->start[r - 1];
    route->start[0] = 0;
    return CW_OK;
}

/* Records of a pair that travel in a round. */
static int64_t in_round(const cw_route *route, int64_t records, int64_t round) {
    int64_t left = records - round * route->share;
    return left < 0 ? 0 : left < route->share ? left : route->share;
}

/* A buffer for the fullest round, which is the first. */
static cw_code make_buffer(cw_route *route, cw_side *side) {
    size_t records = 0;
    for (int r = 0; r < route->context->size; r++) records += (size_t)in_round(route, side->records[r], 0);
    return cw_alloc(route->context->env, records, route->record, &side->buffer);
}

static cw_code make_room(cw_route *route, int remember) {
    int64_t arrivals = 0;
    for (int r = 0; r < route->context->size; r++) arrivals += route->in.records[r];
    CW_TRY(make_buffer(route, &route->out));
    CW_TRY(make_buffer(route, &route->in));
    if (!remember) return CW_OK;
    return cw_alloc(route->context->env, (size_t)arrivals, sizeof *route->target, &route->target);
}

/* Collective. `remember` keeps the owners' slots for an answer. */
static cw_code open_route(cw_route *route, cw_context *context, const cw_keysum *local, int remember) {
    memset(route, 0, sizeof *route);
    route->context = context;
    route->local = local;
    route->width = cw_keysum_width(local);
    route->record = sizeof(cw_wire) + (size_t)route->width * sizeof(cw_i128);
    int64_t own = signature(local), flag[2] = {own, -own};
    CW_TRY(cw_agree_flags(context, sort_slots(route), 2, flag));
    if (flag[0] != -flag[1])
        return cw_fail(context->env, CW_INTERNAL, "exchange", NULL,
                       "the ranks' sums by key differ in columns or quanta");
    int result =
        MPI_Alltoall(route->out.records, 1, MPI_INT64_T, route->in.records, 1, MPI_INT64_T, context->comm);
    CW_TRY(cw_mpi(context, result, "MPI_Alltoall"));
    size_t limit = context->piece < IN_FLIGHT ? context->piece : IN_FLIGHT;
    route->share = (int64_t)(limit / ((size_t)context->size * route->record));
    if (route->share < 1) route->share = 1;
    for (int r = 0; r < context->size; r++) {
        int64_t rounds = (route->out.records[r] + route->share - 1) / route->share;
        if (rounds > route->rounds) route->rounds = rounds;
    }
    CW_TRY(cw_all_max(context, &route->rounds, 1));
    return cw_agree(context, make_room(route, remember));
}

/* Sets the counts of a round; returns its records on this side. */
static int64_t lay_out(const cw_route *route, cw_side *side, int64_t round) {
    int64_t total = 0;
    for (int r = 0; r < route->context->size; r++) {
        int64_t records = in_round(route, side->records[r], round);
        side->bytes[r] = (int)((size_t)records * route->record);
        side->place[r] = (int)((size_t)total * route->record);
        total += records;
    }
    return total;
}

static cw_code travel(cw_route *route, const cw_side *from, cw_side *to) {
    int result = MPI_Alltoallv(from->buffer, from->bytes, from->place, MPI_BYTE, to->buffer, to->bytes,
                               to->place, MPI_BYTE, route->context->comm);
    cw_progress(route->context);
    return cw_mpi(route->context, result, "MPI_Alltoallv");
}

/* The local slot of the i-th record that goes to rank r in a round. */
static int64_t slot_of(const cw_route *route, int r, int64_t round, int64_t i) {
    return route->slot[route->start[r] + round * route->share + i];
}

/* --- there ---------------------------------------------------------------------------------------- */

static void pack(const cw_keysum *table, int64_t slot, char *to) {
    cw_wire *wire = (cw_wire *)(void *)to;
    wire->key = cw_keysum_key(table, slot);
    wire->count = cw_keysum_count(table, slot);
    wire->unused = 0;
    size_t bytes = (size_t)cw_keysum_width(table) * sizeof(cw_i128);
    if (bytes) memcpy(wire_sums(wire), cw_keysum_sums(table, slot), bytes);
}

static void pack_round(const cw_route *route, int64_t round) {
    int64_t n = 0;
    for (int r = 0; r < route->context->size; r++)
        for (int64_t i = 0; i < in_round(route, route->out.records[r], round); i++, n++)
            pack(route->local, slot_of(route, r, round, i), record_at(route, &route->out, n));
}

/* Adds what arrived to the owner's table; `before` records arrived in earlier rounds. */
static cw_code take_round(cw_route *route, int64_t arrivals, int64_t before, cw_keysum *owned) {
    for (int64_t n = 0; n < arrivals; n++) {
        cw_wire *wire = (cw_wire *)(void *)record_at(route, &route->in, n);
        CW_TRY(cw_keysum_add_sums(owned, wire->key, wire->count, wire_sums(wire)));
        if (route->target) route->target[before + n] = cw_keysum_find(owned, wire->key);
    }
    return CW_OK;
}

static cw_code make_owned(const cw_route *route, cw_keysum **owned) {
    cw_env *env = route->context->env;
    int32_t *quantum = NULL;
    CW_TRY(cw_alloc(env, (size_t)route->width, sizeof *quantum, &quantum));
    for (int32_t j = 0; j < route->width; j++) quantum[j] = cw_keysum_quantum_of(route->local, j);
    cw_code code = cw_keysum_create(env, route->width, quantum, owned);
    cw_free(env, &quantum);
    return code;
}

/* Collective. A rank that cannot add goes on through the rounds, which others wait for. */
static cw_code gather_owned(cw_route *route, cw_keysum **owned) {
    cw_code local = make_owned(route, owned);
    int64_t before = 0;
    for (int64_t round = 0; round < route->rounds; round++) {
        lay_out(route, &route->out, round);
        int64_t arrivals = lay_out(route, &route->in, round);
        pack_round(route, round);
        CW_TRY(travel(route, &route->out, &route->in));
        if (local == CW_OK) local = take_round(route, arrivals, before, *owned);
        before += arrivals;
    }
    return cw_agree(route->context, local);
}

cw_code cw_exchange(cw_context *context, const cw_keysum *local, cw_keysum **owned) {
    *owned = NULL;
    cw_route route;
    cw_code code = open_route(&route, context, local, 0);
    if (code == CW_OK) code = gather_owned(&route, owned);
    close_route(&route);
    if (code != CW_OK) cw_keysum_destroy(owned);
    return code;
}

/* --- and back ------------------------------------------------------------------------------------- */

/* Collective. The rounds run the other way: owners answer every record with its key's totals. */
static cw_code answer(cw_route *route, const cw_keysum *owned, cw_keysum *local) {
    int64_t before = 0;
    for (int64_t round = 0; round < route->rounds; round++) {
        lay_out(route, &route->out, round);
        int64_t arrivals = lay_out(route, &route->in, round);
        for (int64_t n = 0; n < arrivals; n++)
            pack(owned, route->target[before + n], record_at(route, &route->in, n));
        before += arrivals;
        CW_TRY(travel(route, &route->in, &route->out));
        int64_t n = 0;
        for (int r = 0; r < route->context->size; r++)
            for (int64_t i = 0; i < in_round(route, route->out.records[r], round); i++, n++) {
                cw_wire *wire = (cw_wire *)(void *)record_at(route, &route->out, n);
                cw_keysum_set(local, slot_of(route, r, round, i), wire->count, wire_sums(wire));
            }
    }
    return CW_OK;
}

cw_code cw_exchange_totals(cw_context *context, cw_keysum *local) {
    cw_keysum *owned = NULL;
    cw_route route;
    cw_code code = open_route(&route, context, local, 1);
    if (code == CW_OK) code = gather_owned(&route, &owned);
    if (code == CW_OK) code = answer(&route, owned, local);
    close_route(&route);
    cw_keysum_destroy(&owned);
    return code;
}

cw_code cw_exchange_size(cw_context *context, const cw_keysum *owned, int64_t *size) {
    *size = cw_keysum_size(owned);
    return cw_all_sum(context, size, 1);
}
