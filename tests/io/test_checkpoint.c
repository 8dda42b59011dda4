/* Checkpoints come back bit for bit, the older generation stands in for a torn newest one, and nothing but
 * what was saved is ever handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/checkpoint.h"

/* ---- a folder, and what the log said ---- */

typedef struct cw_place {
    cw_env env;
    char folder[64];
    char log[4096];
} cw_place;

static void keep_line(void *self, cw_level level, const char *line) {
    cw_place *place = self;
    size_t used = strlen(place->log);
    if (level >= CW_WARNING) snprintf(place->log + used, sizeof place->log - used, "%s\n", line);
}

static void place_make(cw_place *place) {
    memset(place, 0, sizeof *place);
    cw_env_init(&place->env);
    place->env.log_sink = keep_line;
    place->env.log_self = place;
    snprintf(place->folder, sizeof place->folder, "/tmp/cw_checkpoint_XXXXXX");
    assert_non_null(mkdtemp(place->folder));
}

static void path_of(const cw_place *place, const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", place->folder, name);
}

static int files_in(const cw_place *place) {
    DIR *folder = opendir(place->folder);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void place_drop(cw_place *place) {
    const char *names[] = {"checkpoint.h5", "checkpoint.1.h5", "checkpoint.tmp.h5"};
    for (int i = 0; i < 3; i++) {
        char path[128];
        path_of(place, names[i], path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->folder), 0); /* nothing else was left behind */
    assert_int_equal(place->env.blocks_now, 0);
}

typedef struct cw_bytes {
    char *data;
    size_t length;
} cw_bytes;

static cw_bytes read_bytes(const cw_place *place, const char *name) {
    char path[128];
    path_of(place, name, path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    cw_bytes bytes = {NULL, 0};
    fseek(file, 0, SEEK_END);
    bytes.length = (size_t)ftell(file);
    rewind(file);
    bytes.data = malloc(bytes.length);
    assert_int_equal(fread(bytes.data, 1, bytes.length, file), bytes.length);
    fclose(file);
    return bytes;
}

static void write_bytes(const cw_place *place, const char *name, const char *data, size_t length) {
    char path[128];
    path_of(place, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    fclose(file);
}

/* ---- states ---- */

static void sum_init(const void *params, void *state) {
    (void)params;
    double minus = -1;
    memcpy(state, &minus, sizeof minus); /* a fresh state need not be zero */
}

static const cw_member sum_member[] = {{"sum/of x", CW_F64, 5}, {"rows", CW_I64, 1}, {"none", CW_F64, 0}};
static const cw_member exact_member[] = {{"fixed", CW_I128, 3}, {"count", CW_I64, 2}};
static const cw_accumulator sums = {
    .name = "sums", .order = CW_TREE, .members = 3, .member = sum_member, .init = sum_init};
static const cw_accumulator exact = {.name = "a/b%", .order = CW_EXACT, .members = 2, .member = exact_member};
static const cw_accumulator *const both[] = {&sums, &exact};

enum { NODES = 3, SUM_BYTES = 128, EXACT_BYTES = 128 };
typedef struct cw_states {
    _Alignas(64) char sum[NODES][SUM_BYTES];
    _Alignas(64) char exact[NODES][EXACT_BYTES];
    void *state[NODES][2];
    cw_node node[NODES];
} cw_states;

/* Odd values: NaN with a payload, -0, subnormals, negative 128-bit numbers. Exact states are fresh but for
 * the first, as the engine keeps them. */
static void states_make(cw_states *s, int seed) {
    memset(s, 0, sizeof *s);
    for (int n = 0; n < NODES; n++) {
        const unsigned long long word[5] = {
            0x7FF8000000000000ULL + (unsigned long long)seed, 0x8000000000000000ULL, 1,
            0x3FF0000000000000ULL + (unsigned long long)n, 0xC0DEC0DEC0DEC0DEULL};
        int64_t rows = 8192 * (seed + n);
        assert_int_equal(cw_accumulator_bytes(&sums), SUM_BYTES);
        assert_int_equal(cw_accumulator_bytes(&exact), EXACT_BYTES);
        memcpy(s->sum[n] + cw_accumulator_offset(&sums, 0), word, sizeof word);
        memcpy(s->sum[n] + cw_accumulator_offset(&sums, 1), &rows, sizeof rows);
        if (n == 0) {
            const __int128 value[3] = {-1, ((__int128)1 << 100) + seed, -((__int128)seed << 90) - 12345};
            const int64_t count[2] = {INT64_MIN, INT64_MAX};
            memcpy(s->exact[0], value, sizeof value);
            memcpy(s->exact[0] + cw_accumulator_offset(&exact, 1), count, sizeof count);
        }
        s->state[n][0] = s->sum[n];
        s->state[n][1] = s->exact[n];
    }
    /* The last node is where numbers no longer fit 12 digits. */
    s->node[0] = (cw_node){3, 0, s->state[0]};
    s->node[1] = (cw_node){1, 8, s->state[1]};
    s->node[2] = (cw_node){0, 4000000000000000, s->state[2]};
}

enum { BLOCKS_FEW = 10 };
static const int64_t BLOCKS = 4000000000000001;

static cw_code save(cw_checkpoint *checkpoint, cw_env *env, const char *name, const cw_states *s) {
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    return keeper->save(env, keeper->self, name, BLOCKS, 2, both, NODES, s->node);
}

typedef struct cw_seen {
    const cw_states *expected;
    int nodes, wrong;
    cw_code answer;
} cw_seen;

static cw_code see(cw_env *env, void *user, const cw_node *node) {
    cw_seen *seen = user;
    if (seen->nodes >= NODES) return CW_INTERNAL;
    const cw_node *wanted = &seen->expected->node[seen->nodes++];
    seen->wrong |= node->first != wanted->first || node->level != wanted->level;
    seen->wrong |= memcmp(node->state[0], wanted->state[0], SUM_BYTES) != 0;
    seen->wrong |= memcmp(node->state[1], wanted->state[1], EXACT_BYTES) != 0;
    if (seen->answer != CW_OK) return cw_fail(env, seen->answer, NULL, NULL, "told to fail");
    return CW_OK;
}

static cw_code load(cw_checkpoint *checkpoint, cw_env *env, const char *name, const cw_states *expected,
                    cw_seen *seen) {
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    *seen = (cw_seen){.expected = expected};
    return keeper->load(env, keeper->self, name, BLOCKS, 2, both, see, seen);
}

static void assert_holds(cw_checkpoint *checkpoint, cw_env *env, const char *name,
                         const cw_states *expected) {
    cw_seen seen;
    assert_int_equal(load(checkpoint, env, name, expected, &seen), CW_OK);
    assert_int_equal(seen.nodes, expected ? NODES : 0);
    assert_false(seen.wrong);
}

enum { JOB = 77, DATA = 88 };

static cw_checkpoint *open_one(cw_place *place) {
    cw_checkpoint *checkpoint;
    assert_int_equal(cw_checkpoint_open(&place->env, place->folder, JOB, DATA, 0, &checkpoint), CW_OK);
    return checkpoint;
}

/* ---- tests ---- */

static void states_come_back_bit_for_bit(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    static cw_states one, two, three;
    states_make(&one, 1);
    states_make(&two, 2);
    states_make(&three, 3);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_holds(checkpoint, &place.env, "gram", NULL);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    assert_holds(checkpoint, &place.env, "gram", &one);
    assert_holds(checkpoint, &place.env, "scores/ols%", NULL);
    /* A later pass leaves the earlier one where it is; saving again replaces. */
    assert_int_equal(save(checkpoint, &place.env, "scores/ols%", &two), CW_OK);
    assert_int_equal(save(checkpoint, &place.env, "scores/ols%", &three), CW_OK);
    assert_int_equal(save(checkpoint, &place.env, ".", &two), CW_OK);
    cw_checkpoint_close(&checkpoint);
    assert_null(checkpoint);
    checkpoint = open_one(&place);
    assert_holds(checkpoint, &place.env, "gram", &one);
    assert_holds(checkpoint, &place.env, "scores/ols%", &three);
    assert_holds(checkpoint, &place.env, ".", &two);
    assert_int_equal(files_in(&place), 2);
    assert_string_equal(place.log, "");
    assert_int_equal(cw_checkpoint_remove(checkpoint), CW_OK);
    assert_int_equal(files_in(&place), 0);
    assert_holds(checkpoint, &place.env, "gram", NULL);
    cw_checkpoint_close(&checkpoint);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    place_drop(&place);
}

static void members_have_names(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    static cw_states one;
    states_make(&one, 1);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    cw_checkpoint_close(&checkpoint);
    char path[128];
    path_of(&place, "checkpoint.h5", path);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    hid_t set = H5Dopen2(file, "/pass/gram/000000000000_3/sums/rows", H5P_DEFAULT);
    int64_t rows = 0;
    assert_true(H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &rows) >= 0);
    assert_int_equal(rows, 8192);
    H5O_info_t info;
    assert_true(H5Oget_info(set, &info) >= 0);
    assert_int_equal(info.mtime, 0); /* no times: equal contents, equal bytes */
    H5Dclose(set);
    assert_true(H5Lexists(file, "/pass/gram/000000000000_3/a%2Fb%25/fixed", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "/pass/gram/000000000000_3/sums/sum%2Fof x", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "/pass/gram/000000000008_1/sums", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "/pass/gram/000000000008_1/a%2Fb%25", H5P_DEFAULT) == 0); /* fresh */
    H5Fclose(file);
    place_drop(&place);
}

static void equal_contents_give_equal_bytes(void **state) {
    (void)state;
    cw_place a, b;
    place_make(&a);
    place_make(&b);
    static cw_states one, two;
    states_make(&one, 1);
    states_make(&two, 2);
    cw_place *place[2] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        cw_checkpoint *checkpoint = open_one(place[i]);
        assert_int_equal(save(checkpoint, &place[i]->env, "gram", &one), CW_OK);
        assert_int_equal(save(checkpoint, &place[i]->env, "scores", &two), CW_OK);
        cw_checkpoint_close(&checkpoint);
        if (i == 0) sleep(1); /* a time of change would show */
    }
    cw_bytes first = read_bytes(&a, "checkpoint.h5"), second = read_bytes(&b, "checkpoint.h5");
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    free(first.data);
    free(second.data);
    place_drop(&a);
    place_drop(&b);
}

/* Two generations: the older holds seed 1, the newest seed 2. */
static void two_generations(cw_place *place, cw_states *one, cw_states *two, cw_bytes *older,
                            cw_bytes *newest) {
    place_make(place);
    states_make(one, 1);
    states_make(two, 2);
    cw_checkpoint *checkpoint = open_one(place);
    assert_int_equal(save(checkpoint, &place->env, "gram", one), CW_OK);
    assert_int_equal(save(checkpoint, &place->env, "gram", two), CW_OK);
    cw_checkpoint_close(&checkpoint);
    *older = read_bytes(place, "checkpoint.1.h5");
    *newest = read_bytes(place, "checkpoint.h5");
}

static void expect(cw_place *place, const cw_states *expected) {
    place->log[0] = '\0';
    cw_checkpoint *checkpoint = open_one(place);
    assert_holds(checkpoint, &place->env, "gram", expected);
    cw_checkpoint_close(&checkpoint);
}

static void a_torn_file_is_passed_over(void **state) {
    (void)state;
    cw_place place;
    static cw_states one, two;
    cw_bytes older, newest;
    two_generations(&place, &one, &two, &older, &newest);
    expect(&place, &two);
    assert_string_equal(place.log, "");
    for (size_t length = 0; length < newest.length; length += 512) {
        write_bytes(&place, "checkpoint.h5", newest.data, length);
        expect(&place, &one);
        assert_non_null(strstr(place.log, "checkpoint.h5 is passed over"));
    }
    write_bytes(&place, "checkpoint.h5", newest.data, newest.length - 1);
    expect(&place, &one);
    for (size_t length = 0; length < older.length; length += 512) { /* both are torn */
        write_bytes(&place, "checkpoint.1.h5", older.data, length);
        expect(&place, NULL);
        assert_non_null(strstr(place.log, "starts from its beginning"));
    }
    /* A sparse hole: the right length, but a piece never reached the disk. */
    write_bytes(&place, "checkpoint.1.h5", older.data, older.length);
    char *hole = malloc(newest.length);
    for (size_t at = 0; at + 512 <= newest.length; at += 512) {
        memcpy(hole, newest.data, newest.length);
        memset(hole + at, 0, 512);
        if (memcmp(hole, newest.data, newest.length) == 0) continue;
        write_bytes(&place, "checkpoint.h5", hole, newest.length);
        expect(&place, &one);
    }
    free(hole);
    free(older.data);
    free(newest.data);
    place_drop(&place);
}

static void a_flipped_bit_is_seen(void **state) {
    (void)state;
    cw_place place;
    static cw_states one, two;
    cw_bytes older, newest;
    two_generations(&place, &one, &two, &older, &newest);
    /* Every bit of the header, then one bit of every 13th byte. */
    for (size_t bit = 0; bit < 8 * newest.length; bit += bit < 8 * 512 ? 1 : 8 * 13 + 1) {
        newest.data[bit / 8] = (char)(newest.data[bit / 8] ^ (1 << (bit & 7)));
        write_bytes(&place, "checkpoint.h5", newest.data, newest.length);
        newest.data[bit / 8] = (char)(newest.data[bit / 8] ^ (1 << (bit & 7)));
        expect(&place, &one);
    }
    free(older.data);
    free(newest.data);
    place_drop(&place);
}

static void a_bad_newest_does_not_push_out_the_good_older(void **state) {
    (void)state;
    cw_place place;
    static cw_states one, two, three;
    cw_bytes older, newest;
    two_generations(&place, &one, &two, &older, &newest);
    states_make(&three, 3);
    write_bytes(&place, "checkpoint.h5", "torn", 4);
    write_bytes(&place, "checkpoint.tmp.h5", "left by a killed run", 20);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_int_equal(files_in(&place), 2);
    assert_int_equal(save(checkpoint, &place.env, "scores", &three), CW_OK);
    assert_holds(checkpoint, &place.env, "gram", &one); /* copied from the older one */
    cw_checkpoint_close(&checkpoint);
    write_bytes(&place, "checkpoint.h5", "torn", 4);
    expect(&place, &one);
    free(older.data);
    free(newest.data);
    place_drop(&place);
}

static void another_run_is_refused(void **state) {
    (void)state;
    cw_place place;
    static cw_states one;
    place_make(&place);
    states_make(&one, 1);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    cw_checkpoint_close(&checkpoint);
    const struct {
        uint64_t job, data;
        const char *what;
    } other[] = {{1, DATA, "job digest is 000000000000004d and not 0000000000000001"},
                 {JOB, 1, "data digest is 0000000000000058"},
                 {1, 1, "its data differ too"}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            cw_checkpoint_open(&place.env, place.folder, other[i].job, other[i].data, 60, &checkpoint),
            CW_CANNOT_WRITE);
        assert_null(checkpoint);
        assert_non_null(strstr(place.env.error.what, other[i].what));
        assert_non_null(strstr(place.env.error.mend, "--fresh"));
        cw_env_clear(&place.env);
    }
    place_drop(&place);
}

static cw_code count_only(cw_env *env, void *user, const cw_node *node) {
    (void)env, (void)node;
    ++*(int *)user;
    return CW_OK;
}

static void another_shape_is_not_taken(void **state) {
    (void)state;
    cw_place place;
    static cw_states one;
    place_make(&place);
    states_make(&one, 1);
    cw_checkpoint *checkpoint = open_one(&place);
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    cw_member longer[3], typed[3], renamed[3];
    memcpy(longer, sum_member, sizeof longer);
    memcpy(typed, sum_member, sizeof typed);
    memcpy(renamed, sum_member, sizeof renamed);
    longer[0].count = 6;
    typed[0].type = CW_I64;
    renamed[1].name = "row";
    cw_accumulator changed[6];
    for (int i = 0; i < 6; i++) changed[i] = sums;
    changed[0].member = longer;
    changed[1].member = typed;
    changed[2].member = renamed;
    changed[3].members = 1;   /* a member fewer */
    changed[4].name = "sumz"; /* known as another: what is there would be lost */
    const struct {
        int64_t blocks;
        int32_t count;
        const cw_accumulator *accumulator[2];
    } other[] = {{BLOCKS, 2, {&changed[0], &exact}}, {BLOCKS, 2, {&changed[1], &exact}},
                 {BLOCKS, 2, {&changed[2], &exact}}, {BLOCKS, 2, {&changed[3], &exact}},
                 {BLOCKS, 2, {&changed[4], &exact}}, {BLOCKS, 1, {&sums, NULL}},
                 {BLOCKS_FEW, 2, {&sums, &exact}}};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        int nodes = 0;
        place.log[0] = '\0';
        assert_int_equal(keeper->load(&place.env, keeper->self, "gram", other[i].blocks, other[i].count,
                                      other[i].accumulator, count_only, &nodes),
                         CW_OK);
        assert_int_equal(nodes, 0);
        assert_non_null(strstr(place.log, "another shape"));
    }
    assert_holds(checkpoint, &place.env, "gram", &one);
    cw_checkpoint_close(&checkpoint);
    place_drop(&place);
}

static void a_failing_taker_ends_the_load(void **state) {
    (void)state;
    cw_place place;
    static cw_states one;
    place_make(&place);
    states_make(&one, 1);
    cw_checkpoint *checkpoint = open_one(&place);
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    cw_seen seen = {.expected = &one, .answer = CW_BAD_DATA};
    assert_int_equal(keeper->load(&place.env, keeper->self, "gram", BLOCKS, 2, both, see, &seen),
                     CW_BAD_DATA);
    assert_int_equal(seen.nodes, 1);
    cw_checkpoint_close(&checkpoint);
    place_drop(&place);
}

static void the_clock_decides(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    const double seconds[] = {0, 1000, 0.05};
    for (int i = 0; i < 3; i++) {
        cw_checkpoint *checkpoint;
        assert_int_equal(cw_checkpoint_open(&place.env, place.folder, 1, 2, seconds[i], &checkpoint), CW_OK);
        const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
        assert_int_equal(keeper->due(keeper->self), i == 0);
        usleep(80000);
        assert_int_equal(keeper->due(keeper->self), i != 1);
        cw_checkpoint_close(&checkpoint);
    }
    place_drop(&place);
}

static void a_removed_file_costs_only_its_passes(void **state) {
    (void)state;
    cw_place place;
    static cw_states one, two;
    place_make(&place);
    states_make(&one, 1);
    states_make(&two, 2);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    char path[128];
    path_of(&place, "checkpoint.h5", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(save(checkpoint, &place.env, "scores", &two), CW_OK);
    assert_non_null(strstr(place.log, "start anew"));
    assert_holds(checkpoint, &place.env, "gram", NULL);
    assert_holds(checkpoint, &place.env, "scores", &two);
    cw_checkpoint_close(&checkpoint);
    place_drop(&place);
}

static const cw_member big_member[] = {{"matrix", CW_F64, 500000}};
static const cw_accumulator big = {.name = "big", .order = CW_TREE, .members = 1, .member = big_member};
static const cw_accumulator *const only_big[] = {&big};

static cw_code see_big(cw_env *env, void *user, const cw_node *node) {
    (void)env;
    *(int *)user += memcmp(node->state[0], *((void **)user + 1), 4000000) == 0;
    return CW_OK;
}

static void big_states_and_a_full_disk(void **state) {
    (void)state;
    cw_place place;
    static cw_states one;
    place_make(&place);
    states_make(&one, 1);
    double *matrix = calloc(500000 + 8, sizeof *matrix);
    for (int i = 0; i < 500000; i++) matrix[i] = i * 0.5;
    void *pointer[] = {matrix};
    const cw_node node = {0, 0, pointer};
    cw_checkpoint *checkpoint = open_one(&place);
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    /* A limit on file sizes stands for a full disk. */
    struct rlimit before, little;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = before;
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limits[] = {0, 400, 1500, 100000, 3999999};
    for (int i = 0; i < 5; i++) {
        little.rlim_cur = limits[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        cw_code code = keeper->save(&place.env, keeper->self, "wide", 1, 1, only_big, 1, &node);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(code, CW_CANNOT_WRITE);
        assert_non_null(strstr(place.env.error.mend, "make room"));
        assert_non_null(strstr(place.env.error.what, "File too large"));
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0); /* HDF5 let go of it */
        cw_env_clear(&place.env);
        assert_int_equal(files_in(&place), 1);
        assert_holds(checkpoint, &place.env, "gram", &one);
    }
    assert_int_equal(keeper->save(&place.env, keeper->self, "wide", 1, 1, only_big, 1, &node), CW_OK);
    cw_checkpoint_close(&checkpoint);
    checkpoint = open_one(&place);
    keeper = cw_checkpoint_keeper(checkpoint);
    struct {
        int same;
        void *matrix;
    } seen = {0, matrix};
    assert_int_equal(keeper->load(&place.env, keeper->self, "wide", 1, 1, only_big, see_big, &seen), CW_OK);
    assert_int_equal(seen.same, 1);
    assert_holds(checkpoint, &place.env, "gram", &one);
    cw_checkpoint_close(&checkpoint);
    free(matrix);
    place_drop(&place);
}

enum { MANY = 400 };

static cw_code see_many(cw_env *env, void *user, const cw_node *node) {
    (void)env;
    int *seen = user;
    double first;
    memcpy(&first, node->state[0], sizeof first);
    if (node->first == *seen && node->level == 0 && first == *seen) ++*seen;
    return CW_OK;
}

static void many_nodes_and_a_disk_full_anywhere(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    static _Alignas(64) char sum[MANY][SUM_BYTES];
    static void *pointer[MANY];
    static cw_node node[MANY];
    const cw_accumulator *const only_sums[] = {&sums};
    for (int n = 0; n < MANY; n++) {
        double value = n;
        memcpy(sum[n], &value, sizeof value);
        pointer[n] = sum[n];
        node[n] = (cw_node){0, n, &pointer[n]};
    }
    cw_checkpoint *checkpoint = open_one(&place);
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    struct rlimit before, little;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(keeper->save(&place.env, keeper->self, "one", MANY, 1, only_sums, MANY, node), CW_OK);
    cw_bytes whole = read_bytes(&place, "checkpoint.h5");
    for (rlim_t limit = 0; limit < whole.length; limit += whole.length / 23) {
        little.rlim_cur = limit;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        cw_code code = keeper->save(&place.env, keeper->self, "two", MANY, 1, only_sums, MANY, node);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(code, CW_CANNOT_WRITE);
        cw_env_clear(&place.env);
        assert_int_equal(files_in(&place), 1);
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    }
    assert_int_equal(keeper->save(&place.env, keeper->self, "two", MANY, 1, only_sums, MANY, node), CW_OK);
    const char *const name[] = {"one", "two"};
    for (int i = 0; i < 2; i++) {
        int seen = 0;
        assert_int_equal(keeper->load(&place.env, keeper->self, name[i], MANY, 1, only_sums, see_many, &seen),
                         CW_OK);
        assert_int_equal(seen, MANY);
    }
    cw_checkpoint_close(&checkpoint);
    free(whole.data);
    place_drop(&place);
}

static void failed_allocations_unwind(void **state) {
    (void)state;
    cw_place place;
    static cw_states one, two;
    place_make(&place);
    states_make(&one, 1);
    states_make(&two, 2);
    cw_checkpoint *checkpoint = open_one(&place);
    assert_int_equal(save(checkpoint, &place.env, "gram", &one), CW_OK);
    cw_checkpoint_close(&checkpoint);
    int failures = 0;
    for (int64_t at = 1;; at++) {
        place.env.calls = 0;
        place.env.fail_at = at;
        cw_seen seen = {.expected = &one};
        cw_code code = cw_checkpoint_open(&place.env, place.folder, JOB, DATA, 0, &checkpoint);
        if (code == CW_OK) code = load(checkpoint, &place.env, "gram", &one, &seen);
        if (code == CW_OK) code = save(checkpoint, &place.env, "scores", &two);
        place.env.fail_at = 0;
        cw_checkpoint_close(&checkpoint);
        assert_int_equal(place.env.blocks_now, 0);
        assert_false(seen.wrong);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        cw_env_clear(&place.env);
        assert_int_equal(files_in(&place), 1);
        failures++;
    }
    assert_true(failures > 10);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    place_drop(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_come_back_bit_for_bit),
        cmocka_unit_test(members_have_names),
        cmocka_unit_test(equal_contents_give_equal_bytes),
        cmocka_unit_test(a_torn_file_is_passed_over),
        cmocka_unit_test(a_flipped_bit_is_seen),
        cmocka_unit_test(a_bad_newest_does_not_push_out_the_good_older),
        cmocka_unit_test(another_run_is_refused),
        cmocka_unit_test(another_shape_is_not_taken),
        cmocka_unit_test(a_failing_taker_ends_the_load),
        cmocka_unit_test(the_clock_decides),
        cmocka_unit_test(a_removed_file_costs_only_its_passes),
        cmocka_unit_test(big_states_and_a_full_disk),
        cmocka_unit_test(many_nodes_and_a_disk_full_anywhere),
        cmocka_unit_test(failed_allocations_unwind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
