/* Small collectives and messages; sizes above the largest piece are sent in several. */
#include <string.h>

#include "inside.h"

enum { TAG = 1 };

static size_t piece_of(const cw_context *context, size_t left) {
    return left < context->piece ? left : context->piece;
}

static cw_code broadcast_from(cw_context *context, int root, void *data, size_t bytes) {
    for (size_t done = 0, n; done < bytes; done += n) {
        n = piece_of(context, bytes - done);
        int result = MPI_Bcast((char *)data + done, (int)n, MPI_BYTE, root, context->comm);
        CW_TRY(cw_mpi(context, result, "MPI_Bcast"));
    }
    cw_progress(context);
    return CW_OK;
}

cw_code cw_broadcast(cw_context *context, void *data, size_t bytes) {
    return broadcast_from(context, 0, data, bytes);
}

cw_code cw_broadcast_alloc(cw_context *context, void **data, size_t *bytes) {
    uint64_t size = *bytes;
    if (context->rank != 0) *data = NULL;
    CW_TRY(cw_broadcast(context, &size, sizeof size));
    cw_code code = CW_OK;
    if (context->rank != 0) code = cw_alloc(context->env, (size_t)size, 1, data);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_broadcast(context, *data, (size_t)size);
    if (code != CW_OK && context->rank != 0) cw_free(context->env, data);
    if (code == CW_OK) *bytes = (size_t)size;
    return code;
}

static cw_code all_reduce(cw_context *context, int64_t *value, int32_t count, MPI_Op op) {
    int result = MPI_Allreduce(MPI_IN_PLACE, value, count, MPI_INT64_T, op, context->comm);
    cw_progress(context);
    return cw_mpi(context, result, "MPI_Allreduce");
}

cw_code cw_all_sum(cw_context *context, int64_t *value, int32_t count) {
    return all_reduce(context, value, count, MPI_SUM);
}

cw_code cw_all_max(cw_context *context, int64_t *value, int32_t count) {
    return all_reduce(context, value, count, MPI_MAX);
}

cw_code cw_scan_below(cw_context *context, int64_t *value, int32_t count) {
    int result = MPI_Exscan(MPI_IN_PLACE, value, count, MPI_INT64_T, MPI_SUM, context->comm);
    if (context->rank == 0) /* MPI leaves it undefined there */
        for (int32_t i = 0; i < count; i++) value[i] = 0;
    cw_progress(context);
    return cw_mpi(context, result, "MPI_Exscan");
}

cw_code cw_all_gather(cw_context *context, const void *mine, size_t bytes, void *all) {
    if (bytes <= context->piece / (size_t)context->size) {
        int result = MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, context->comm);
        cw_progress(context);
        return cw_mpi(context, result, "MPI_Allgather");
    }
    if (bytes) memmove((char *)all + (size_t)context->rank * bytes, mine, bytes);
    for (int root = 0; root < context->size; root++)
        CW_TRY(broadcast_from(context, root, (char *)all + (size_t)root * bytes, bytes));
    return CW_OK;
}

cw_code cw_send(cw_context *context, int to, const void *data, size_t bytes) {
    for (size_t done = 0, n; done < bytes; done += n) {
        n = piece_of(context, bytes - done);
        int result = MPI_Send((const char *)data + done, (int)n, MPI_BYTE, to, TAG, context->comm);
        CW_TRY(cw_mpi(context, result, "MPI_Send"));
    }
    return CW_OK;
}

cw_code cw_receive(cw_context *context, int from, void *data, size_t bytes) {
    for (size_t done = 0, n; done < bytes; done += n) {
        n = piece_of(context, bytes - done);
        int result =
            MPI_Recv((char *)data + done, (int)n, MPI_BYTE, from, TAG, context->comm, MPI_STATUS_IGNORE);
        CW_TRY(cw_mpi(context, result, "MPI_Recv"));
    }
    cw_progress(context);
    return CW_OK;
}

/* Rank 0's room for a gather: everyone's sizes, and their sum in bytes. */
static cw_code make_room(cw_context *context, const uint64_t *size, void **all) {
    size_t total = 0;
    for (int r = 0; r < context->size; r++) {
        if (size[r] > SIZE_MAX - total)
            return cw_fail(context->env, CW_NO_MEMORY, "gather", NULL, "the ranks' data pass any memory");
        total += (size_t)size[r];
    }
    return cw_alloc(context->env, total, 1, all);
}

static cw_code take_all(cw_context *context, const void *mine, const uint64_t *size, char *to) {
    for (int r = 0; r < context->size; r++) {
        if (r == 0 && size[0]) memcpy(to, mine, (size_t)size[0]);
        if (r != 0) CW_TRY(cw_receive(context, r, to, (size_t)size[r]));
        if (to) to += size[r];
    }
    return CW_OK;
}

cw_code cw_gather(cw_context *context, const void *mine, size_t bytes, void **all, size_t *sizes) {
    *all = NULL;
    int root = context->rank == 0;
    uint64_t *size = NULL, own = bytes;
    cw_code code = root ? cw_alloc(context->env, (size_t)context->size, sizeof *size, &size) : CW_OK;
    CW_TRY_GOTO(code, cw_agree(context, code), done);
    int result = MPI_Gather(&own, 1, MPI_UINT64_T, size, 1, MPI_UINT64_T, 0, context->comm);
    CW_TRY_GOTO(code, cw_mpi(context, result, "MPI_Gather"), done);
    if (root) code = make_room(context, size, all);
    CW_TRY_GOTO(code, cw_agree(context, code), done);
    code = root ? take_all(context, mine, size, *all) : cw_send(context, 0, mine, bytes);
    if (root && sizes)
        for (int r = 0; r < context->size; r++) sizes[r] = (size_t)size[r];
done:
    cw_free(context->env, &size);
    if (code != CW_OK) cw_free(context->env, all);
    return code;
}

cw_code cw_barrier(cw_context *context) {
    int result = MPI_Barrier(context->comm);
    cw_progress(context);
    return cw_mpi(context, result, "MPI_Barrier");
}
