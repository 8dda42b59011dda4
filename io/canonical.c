#include "canonical_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../src/base/crc.h"

typedef struct cw_storage_fact {
    int32_t bytes;
    int64_t missing;
} cw_storage_fact;

static const cw_storage_fact facts[] = {
    [CW_S_F64] = {8, 0},         [CW_S_F32] = {4, 0},          [CW_S_I8] = {1, INT8_MIN},
    [CW_S_I16] = {2, INT16_MIN}, [CW_S_I32] = {4, INT32_MIN},  [CW_S_I64] = {8, INT64_MIN},
    [CW_S_U8] = {1, UINT8_MAX},  [CW_S_U16] = {2, UINT16_MAX}, [CW_S_U32] = {4, UINT32_MAX},
    [CW_S_TEXT] = {0, 0},
};

int32_t cw_storage_bytes(cw_storage storage) {
    return facts[storage].bytes;
}

int64_t cw_storage_missing(cw_storage storage) {
    return facts[storage].missing;
}

cw_code cw_canonical_failed(cw_env *env, const char *file, const char *doing, int number) {
    const char *mend = number == ENOSPC || number == EDQUOT ? "free some room, or write elsewhere"
                                                            : "write elsewhere, or mend the permissions";
    return cw_fail(env, CW_CANNOT_WRITE, file, mend, "cannot %s: %s", doing, strerror(number));
}

static int64_t block_of(int64_t row) {
    return row / CW_CANONICAL_ROWS;
}

/* Blocks that rows [first, first + rows) touch. */
int64_t cw_canonical_blocks(int64_t first, int64_t rows) {
    return rows == 0 ? 0 : block_of(first + rows - 1) - block_of(first) + 1;
}

static cw_code prepare(cw_canonical *table, const cw_storage *storage, const char *const *name) {
    cw_env *env = cw_context_env(table->context);
    size_t columns = (size_t)table->columns;
    CW_TRY(cw_alloc_zero(env, columns, sizeof *table->column, &table->column));
    table->blocks = cw_canonical_blocks(table->first, table->mine);
    CW_TRY(cw_alloc_zero(env, columns * (size_t)table->blocks, sizeof *table->crc, &table->crc));
    for (int32_t c = 0; c < table->columns; c++) {
        table->column[c].storage = storage[c];
        table->column[c].next = table->first;
    }
    if (cw_context_rank(table->context) > 0) return CW_OK;
    return cw_canonical_make(table, name);
}

/* Where each column's rows start, from rank 0; then everyone opens the file. */
static cw_code share(cw_canonical *table) {
    cw_env *env = cw_context_env(table->context);
    int64_t *place = NULL;
    cw_code code = cw_alloc(env, (size_t)table->columns, sizeof *place, &place);
    for (int32_t c = 0; code == CW_OK && c < table->columns; c++) place[c] = table->column[c].place;
    code = cw_agree(table->context, code);
    if (code == CW_OK) code = cw_broadcast(table->context, place, (size_t)table->columns * sizeof *place);
    for (int32_t c = 0; code == CW_OK && c < table->columns; c++) table->column[c].place = place[c];
    cw_free(env, &place);
    CW_TRY(code);
    table->descriptor = open(table->file, O_RDWR | O_CLOEXEC);
    if (table->descriptor < 0) code = cw_canonical_failed(env, table->file, "open for writing", errno);
    return cw_agree(table->context, code);
}

cw_code cw_canonical_create(cw_context *context, const char *file, int64_t rows, int64_t first, int64_t mine,
                            int32_t columns, const cw_storage *storage, const char *const *name,
                            cw_canonical **out) {
    cw_env *env = cw_context_env(context);
    cw_canonical *table = NULL;
    *out = NULL;
    cw_code code = cw_agree(context, cw_alloc_zero(env, 1, sizeof *table, &table));
    if (code != CW_OK) {
        cw_free(env, &table);
        return code;
    }
    *table = (cw_canonical){.context = context, .rows = rows, .first = first, .mine = mine};
    table->columns = columns;
    table->descriptor = -1;
    code = cw_strdup(env, file, &table->file);
    if (code == CW_OK) code = prepare(table, storage, name);
    code = cw_agree(context, code);
    if (code == CW_OK) code = share(table);
    if (code != CW_OK) cw_canonical_close(&table);
    *out = table;
    return code;
}

void cw_canonical_close(cw_canonical **table) {
    if (!*table) return;
    cw_env *env = cw_context_env((*table)->context);
    if ((*table)->descriptor >= 0) close((*table)->descriptor);
    cw_free(env, &(*table)->crc);
    cw_free(env, &(*table)->column);
    cw_free(env, &(*table)->file);
    cw_free(env, table);
}

static cw_code transfer(cw_canonical *table, int32_t column, int64_t first, int64_t rows, void *in,
                        const void *out) {
    int32_t bytes = cw_storage_bytes(table->column[column].storage);
    size_t left = (size_t)rows * (size_t)bytes, done = 0;
    int64_t at = table->column[column].place + first * bytes;
    cw_env *env = cw_context_env(table->context);
    while (done < left) {
        size_t ask = left - done < 1 << 30 ? left - done : 1 << 30;
        ssize_t n =
            in ? pread(table->descriptor, (char *)in + done, ask, (off_t)(at + (int64_t)done))
               : pwrite(table->descriptor, (const char *)out + done, ask, (off_t)(at + (int64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && !in) return cw_canonical_failed(env, table->file, "write", errno);
        if (n <= 0)
            return cw_fail(env, CW_IO, table->file, NULL, "cannot read back: %s",
                           n == 0 ? "the file is too short" : strerror(errno));
        done += (size_t)n;
    }
    return CW_OK;
}

/* Extends the checksums of `crc` (one a block from block_of(start) on) by rows [first, first + rows). */
static void sum(uint32_t *crc, int64_t start, int64_t first, int64_t rows, int32_t bytes,
                const void *stored) {
    const char *from = stored;
    while (rows > 0) {
        int64_t to_border = (block_of(first) + 1) * CW_CANONICAL_ROWS - first;
        int64_t some = rows < to_border ? rows : to_border;
        uint32_t *block = &crc[block_of(first) - block_of(start)];
        *block = cw_crc32c(*block, from, (size_t)(some * bytes));
        from += some * bytes;
        first += some;
        rows -= some;
    }
}

cw_code cw_canonical_put(cw_canonical *table, int32_t column, int64_t first, int64_t rows,
                         const void *stored) {
    if (rows == 0) return CW_OK;
    cw_canonical_column *one = &table->column[column];
    uint32_t *crc = table->crc + column * table->blocks;
    if (first == table->first) {
        one->next = first;
        memset(crc, 0, (size_t)table->blocks * sizeof *crc);
    }
    if (first != one->next || first + rows > table->first + table->mine)
        return cw_fail(cw_context_env(table->context), CW_INTERNAL, table->file, NULL,
                       "rows of column %d come out of order", column + 1);
    one->next += rows;
    sum(crc, table->first, first, rows, cw_storage_bytes(one->storage), stored);
    return transfer(table, column, first, rows, NULL, stored);
}

cw_code cw_canonical_get(cw_canonical *table, int32_t column, int64_t first, int64_t rows, void *stored) {
    return transfer(table, column, first, rows, stored, NULL);
}

/* Reads this rank's rows of every column back and compares. */
cw_code cw_canonical_read_back(cw_canonical *table) {
    enum { ROWS = 16384 };
    cw_env *env = cw_context_env(table->context);
    char *stored = NULL;
    uint32_t *crc = NULL;
    cw_code code = CW_OK;
    if (table->mine == 0) return CW_OK;
    CW_TRY_GOTO(code, cw_alloc(env, ROWS, 8, &stored), done);
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)table->blocks, sizeof *crc, &crc), done);
    for (int32_t c = 0; c < table->columns; c++) {
        size_t bytes = (size_t)table->blocks * sizeof *crc;
        memset(crc, 0, bytes);
        for (int64_t row = table->first, end = row + table->mine; row < end; row += ROWS) {
            int64_t rows = end - row < ROWS ? end - row : ROWS;
            CW_TRY_GOTO(code, cw_canonical_get(table, c, row, rows, stored), done);
            sum(crc, table->first, row, rows, cw_storage_bytes(table->column[c].storage), stored);
        }
        if (memcmp(crc, table->crc + c * table->blocks, bytes)) {
            code = cw_fail(env, CW_IO, table->file, "look at the file system and the disk",
                           "column %d reads back other than it was written", c + 1);
            goto done;
        }
    }
done:
    cw_free(env, &stored);
    cw_free(env, &crc);
    return code;
}
