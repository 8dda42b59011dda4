/* Tables over ranks: one rank reads metadata, all have the same table; texts get the same codes at every
 * number of ranks; what fails on one rank fails on all with the same words. */
#include "../mpi/ranks.h"

#include "h5_write.h"
#include "io/table.h"
#include "io/table_internal.h"

enum { PARTS = 5, ROWS = 23 };

static const char *text_of(int64_t row) {
    static char text[32];
    snprintf(text, sizeof text, "%s%lld", row % 3 ? "b" : "a", (long long)(row * 7 % 31));
    return row % 11 == 4 ? "" : text;
}

static void make_parts(void) {
    make_folder();
    for (int p = 0; p < PARTS; p++) {
        char name[16], text[ROWS][32];
        const char *pointer[ROWS];
        double x[ROWS];
        snprintf(name, sizeof name, "p%d.h5", p);
        for (int i = 0; i < ROWS; i++) {
            x[i] = p * ROWS + i;
            snprintf(text[i], sizeof text[i], "%s", text_of(p * ROWS + i));
            pointer[i] = text[i];
        }
        hid_t file = create_file(in_folder(name));
        put_texts(file, "t", ROWS, pointer);
        put_reals(file, "x", ROWS, x);
        H5Fclose(file);
    }
}

/* Labels, hashed, are the same on all ranks, and those of one process alone. */
static void check_codes(cw_context *context, cw_table *table, const cw_table_spec *spec) {
    cw_env *env = cw_context_env(context);
    cw_table *alone;
    CHECK(cw_table_scan(env, spec, &alone) == CW_OK);
    CHECK(cw_table_encode_alone(env, alone, cw_table_find(alone, "t", NULL)) == CW_OK);
    void *mine, *theirs;
    size_t size, size_alone;
    CHECK(cw_table_pack(env, table, &mine, &size) == CW_OK);
    CHECK(cw_table_pack(env, alone, &theirs, &size_alone) == CW_OK);
    CHECK(size == size_alone && memcmp(mine, theirs, size) == 0);
    cw_free(env, &mine);
    cw_free(env, &theirs);
    cw_table_destroy(&alone);
}

static void check_rows(cw_context *context, const cw_table *table) {
    cw_env *env = cw_context_env(context);
    const int32_t t = cw_table_find(table, "t", NULL), x = cw_table_find(table, "x", NULL);
    int64_t rank = cw_context_rank(context), ranks = cw_context_size(context);
    int64_t first = table->rows * rank / ranks, end = table->rows * (rank + 1) / ranks;
    cw_reader *reader;
    cw_block block;
    CHECK(cw_reader_open(env, table, 1, &x, 1, &t, &reader) == CW_OK);
    cw_source source = cw_reader_source(reader);
    if (end > first) CHECK(source.read(env, source.self, first, (int32_t)(end - first), &block) == CW_OK);
    for (int64_t row = first; row < end; row++) {
        int64_t code = block.key[0][row - first];
        CHECK(block.real[0][row - first] == (double)row);
        CHECK(code == CW_KEY_MISSING ? text_of(row)[0] == '\0'
                                     : !strcmp(table->column[t].category[code], text_of(row)));
    }
    cw_reader_close(&reader);
}

static void one_failure_is_everyones(cw_context *context, cw_table *table, const cw_table_spec *spec) {
    cw_table *none;
    cw_code code = cw_table_open(context, spec, &none);
    check_same_error(context, code, CW_NO_INPUT);
    CHECK(!none);
    /* The last part is gone: only the rank that has its rows meets that. */
    if (cw_context_rank(context) == 0) unlink(in_folder("p4.h5"));
    CHECK(cw_barrier(context) == CW_OK);
    code = cw_table_encode(context, table, cw_table_find(table, "t", NULL));
    check_same_error(context, code, CW_NO_INPUT);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    cw_env env;
    cw_env_init(&env);
    int rank = 0, size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    cw_context *context = lowest_ranks(&env, size);
    if (rank == 0) make_parts();
    CHECK(cw_broadcast(context, folder, sizeof folder) == CW_OK);
    const char *const files[] = {in_folder("p?.h5")}, *const wrong[] = {in_folder("q?.h5")};
    const cw_table_spec spec = {.files = 1, .file = files, .part_id = "part"};
    const cw_table_spec bad = {.files = 1, .file = wrong};
    cw_table *table, *again;
    CHECK(cw_table_open(context, &spec, &table) == CW_OK);
    CHECK(cw_table_open(context, &spec, &again) == CW_OK);
    CHECK(table->rows == PARTS * ROWS && table->parts == PARTS && table->columns == 3);
    CHECK(cw_table_encode(context, table, cw_table_find(table, "t", NULL)) == CW_OK);
    CHECK(cw_table_encode(context, table, cw_table_find(table, "t", NULL)) == CW_OK);
    CHECK(cw_table_encode(context, table, cw_table_find(table, "x", NULL)) == CW_OK);
    check_codes(context, table, &spec);
    check_rows(context, table);
    one_failure_is_everyones(context, again, &bad);
    cw_table_destroy(&table);
    cw_table_destroy(&again);
    CHECK(cw_barrier(context) == CW_OK);
    if (rank == 0) remove_folder();
    cw_context_destroy(&context);
    CHECK(env.blocks_now == 0);
    CHECK(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
    return verdict();
}
