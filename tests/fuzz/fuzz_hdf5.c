/* libFuzzer: bytes as an HDF5 file. It is scanned and read as reals and keys; the outcome is a table or one
 * told error, and nothing stays open. The HDF5 library is inside the target: build it with the sanitizers too
 * to tell its faults from ours. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 4 * CW_BLOCK_ROWS };

static void read_column(cw_env *env, cw_table *table, int32_t j) {
    cw_reader *reader;
    cw_block block;
    cw_code code = CW_OK;
    int32_t reals = table->column[j].storage == CW_S_TEXT ? 0 : 1;
    if (!reals) code = cw_table_encode_alone(env, table, j);
    if (code == CW_OK) code = cw_reader_open(env, table, reals, &j, 1, &j, &reader);
    if (code == CW_OK) {
        cw_source source = cw_reader_source(reader);
        for (int64_t row = 0; code == CW_OK && row < table->rows && row < ROWS; row += CW_BLOCK_ROWS) {
            int64_t left = table->rows - row;
            code = source.read(env, source.self, row, left < CW_BLOCK_ROWS ? (int32_t)left : CW_BLOCK_ROWS,
                               &block);
        }
        cw_reader_close(&reader);
    }
    if (code != CW_OK && !env->error.what[0]) abort();
    cw_env_clear(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "/tmp/cw-fuzz-%ld.h5", (long)getpid());
    FILE *file = fopen(name, "wb");
    if (!file) return 0;
    size_t put = fwrite(data, 1, size, file);
    fclose(file);
    const char *const files[] = {name};
    const cw_table_spec spec = {.files = 1, .file = files};
    cw_env env;
    cw_table *table;
    cw_env_init(&env);
    if (put == size) {
        cw_code code = cw_table_scan(&env, &spec, &table);
        if (code != CW_OK && (!env.error.what[0] || code == CW_INTERNAL)) abort();
        for (int32_t j = 0; table && j < table->columns; j++) read_column(&env, table, j);
        cw_table_destroy(&table);
    }
    unlink(name);
    if (env.blocks_now != 0 || H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) != 0) abort();
    return 0;
}
