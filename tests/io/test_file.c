/* Whole files: limits, atomic replacement, folders, failures that say what and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/cw_file_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int entries(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void replaced_and_read_back(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char *file = NULL, *text = NULL;
    size_t length = 99;
    assert_int_equal(cw_path_join(&env, folder, "a.txt", &file), CW_OK);
    assert_int_equal(cw_file_exists(file), 0);
    assert_int_equal(cw_file_replace(&env, file, "one\0two", 7), CW_OK);
    assert_int_equal(cw_file_exists(file), 1);
    assert_int_equal(cw_file_read(&env, file, 7, &text, &length), CW_OK);
    assert_int_equal(length, 7);
    assert_memory_equal(text, "one\0two\0", 8);
    cw_free(&env, &text);
    assert_int_equal(cw_file_replace(&env, file, "", 0), CW_OK);
    assert_int_equal(cw_file_read(&env, file, 0, &text, &length), CW_OK);
    assert_int_equal(length, 0);
    assert_string_equal(text, "");
    cw_free(&env, &text);
    assert_int_equal(entries(folder), 1); /* no temporary is left */
    cw_free(&env, &file);
    assert_int_equal(env.blocks_now, 0);
}

static void a_pipe_of_unknown_length_is_read_whole(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int end[2];
    assert_int_equal(pipe(end), 0);
    static char data[20000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)('a' + i % 26);
    assert_int_equal(write(end[1], data, sizeof data), sizeof data);
    close(end[1]);
    char name[32], *text = NULL;
    size_t length;
    snprintf(name, sizeof name, "/dev/fd/%d", end[0]);
    assert_int_equal(cw_file_read(&env, name, 1 << 20, &text, &length), CW_OK);
    assert_int_equal(length, sizeof data);
    assert_memory_equal(text, data, sizeof data);
    cw_free(&env, &text);
    close(end[0]);
    assert_int_equal(env.blocks_now, 0);
}

static void failures_name_the_file(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char *text = NULL, *file = NULL;
    size_t length;
    assert_int_equal(cw_file_read(&env, "/nonexistent/x", 10, &text, &length), CW_NO_INPUT);
    assert_string_equal(env.error.where, "/nonexistent/x");
    assert_null(text);
    cw_env_clear(&env);
    assert_int_equal(cw_file_read(&env, folder, 10, &text, &length), CW_NO_INPUT);
    cw_env_clear(&env);
    assert_int_equal(cw_path_join(&env, folder, "long", &file), CW_OK);
    assert_int_equal(cw_file_replace(&env, file, "0123456789", 10), CW_OK);
    assert_int_equal(cw_file_read(&env, file, 9, &text, &length), CW_BAD_DATA);
    assert_null(text);
    cw_env_clear(&env);
    assert_int_equal(cw_file_replace(&env, "/nonexistent/x", "a", 1), CW_CANNOT_WRITE);
    assert_string_equal(env.error.where, "/nonexistent/x");
    cw_env_clear(&env);
    assert_int_equal(cw_file_replace(&env, folder, "a", 1), CW_CANNOT_WRITE); /* a folder in its place */
    cw_env_clear(&env);
    assert_int_equal(cw_folder_make(&env, file), CW_CANNOT_WRITE);
    cw_env_clear(&env);
    cw_free(&env, &file);
    assert_int_equal(env.blocks_now, 0);
}

static void folders_with_parents(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char *path = NULL;
    assert_int_equal(cw_path_join(&env, folder, "x//y/z/", &path), CW_OK);
    assert_int_equal(cw_folder_make(&env, path), CW_OK);
    assert_int_equal(cw_folder_make(&env, path), CW_OK); /* already there */
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    cw_free(&env, &path);
    assert_int_equal(env.blocks_now, 0);
}

static void paths_join(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const char *cases[][3] = {{"a", "b", "a/b"},          {"a/", "b", "a/b"}, {"", "b", "b"},
                              {NULL, "b", "b"},           {"a", "/b", "/b"},  {"/", "b", "/b"},
                              {"a/b", "../c", "a/b/../c"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *joined = NULL;
        assert_int_equal(cw_path_join(&env, cases[i][0], cases[i][1], &joined), CW_OK);
        assert_string_equal(joined, cases[i][2]);
        cw_free(&env, &joined);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    char file[80];
    snprintf(file, sizeof file, "%s/inject", folder);
    int64_t at = 1;
    for (;; at++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = at;
        char *text = NULL;
        size_t length;
        cw_code code = cw_folder_make(&env, folder);
        if (code == CW_OK) code = cw_file_replace(&env, file, "data", 4);
        if (code == CW_OK) code = cw_file_read(&env, file, 10, &text, &length);
        cw_free(&env, &text);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        assert_true(at < 20);
    }
    assert_true(at > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_and_read_back),
        cmocka_unit_test(a_pipe_of_unknown_length_is_read_whole),
        cmocka_unit_test(failures_name_the_file),
        cmocka_unit_test(folders_with_parents),
        cmocka_unit_test(paths_join),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
