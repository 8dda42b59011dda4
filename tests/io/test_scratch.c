/* Scratch memory: zeroed, shared with nobody, gone with the mapping, refused where there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/scratch.h"

static int entries(const char *folder) {
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count - 2;
}

static void memory_is_zeroed_and_leaves_no_file(void **state) {
    (void)state;
    char folder[] = "/tmp/cw-scratch-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cw_env env;
    cw_env_init(&env);
    cw_spill spill = cw_scratch_spill(folder);
    const size_t bytes = 3000017;
    void *one = NULL, *two = NULL;
    assert_int_equal(spill.map(&env, spill.self, bytes, &one), CW_OK);
    assert_int_equal(spill.map(&env, spill.self, bytes, &two), CW_OK);
    assert_int_equal(entries(folder), 0);
    for (size_t i = 0; i < bytes; i++) assert_true(((char *)one)[i] == 0);
    memset(one, 1, bytes);
    for (size_t i = 0; i < bytes; i += 4096) assert_true(((char *)two)[i] == 0);
    spill.unmap(spill.self, one, bytes);
    spill.unmap(spill.self, two, bytes);
    void *none = &env;
    assert_int_equal(spill.map(&env, spill.self, 0, &none), CW_OK);
    assert_null(none);
    spill.unmap(spill.self, none, 0);
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(rmdir(folder), 0);
}

static void missing_room_is_an_error(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    void *memory = NULL;
    cw_spill spill = cw_scratch_spill("/nonexistent/scratch");
    assert_int_equal(spill.map(&env, spill.self, 4096, &memory), CW_CANNOT_WRITE);
    assert_null(memory);
    assert_string_equal(env.error.where, "/nonexistent/scratch");
    assert_non_null(strstr(env.error.mend, "run.scratch"));
    cw_env_clear(&env);
    spill = cw_scratch_spill("/tmp");
    assert_int_equal(spill.map(&env, spill.self, (size_t)1 << 61, &memory), CW_CANNOT_WRITE);
    assert_null(memory);
    cw_env_clear(&env);
    env.fail_at = env.calls + 1;
    assert_int_equal(spill.map(&env, spill.self, 4096, &memory), CW_NO_MEMORY);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_leaves_no_file),
        cmocka_unit_test(missing_room_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
