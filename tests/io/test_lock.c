/* One writer to a folder: conflicts, stale locks of every kind, takeover by the requeued job, races. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/checkpoint.h"

typedef struct cw_place {
    cw_env env;
    char folder[64], lock[80];
    char log[1024];
} cw_place;

static void keep_line(void *self, cw_level level, const char *line) {
    cw_place *place = self;
    (void)level;
    snprintf(place->log, sizeof place->log, "%s", line);
}

static void place_make(cw_place *place) {
    memset(place, 0, sizeof *place);
    cw_env_init(&place->env);
    place->env.log_sink = keep_line;
    place->env.log_self = place;
    snprintf(place->folder, sizeof place->folder, "/tmp/cw_lock_XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->lock, sizeof place->lock, "%s/lock", place->folder);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

static void place_drop(cw_place *place) {
    (void)unlink(place->lock);
    assert_int_equal(rmdir(place->folder), 0); /* no temporary file was left behind */
    assert_int_equal(place->env.blocks_now, 0);
}

static void read_text(const cw_place *place, char text[4096]) {
    FILE *file = fopen(place->lock, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, 4095, file);
    text[length] = '\0';
    fclose(file);
}

static void write_text(const cw_place *place, const char *text) {
    FILE *file = fopen(place->lock, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Replaces the value of a line of the lock that stands. */
static void change(const cw_place *place, const char *key, const char *value) {
    char text[4096], changed[4096], line[64];
    read_text(place, text);
    snprintf(line, sizeof line, "\n%s ", key);
    char *at = strstr(text, line);
    assert_non_null(at);
    at += strlen(line);
    char *end = strchr(at, '\n');
    assert_non_null(end);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, value, end);
    write_text(place, changed);
}

/* A lock of this very process, left lying: tests then change who it says holds it. */
static void leave_lock(cw_place *place) {
    (void)unlink(place->lock);
    cw_lock *lock;
    char text[4096];
    assert_int_equal(cw_lock_take(&place->env, place->folder, &lock), CW_OK);
    read_text(place, text);
    cw_lock_release(&lock);
    write_text(place, text);
}

static void assert_refused(cw_place *place, const char *what, const char *mend) {
    cw_lock *lock;
    assert_int_equal(cw_lock_take(&place->env, place->folder, &lock), CW_CANNOT_WRITE);
    assert_null(lock);
    if (!strstr(place->env.error.what, what)) fail_msg("%s", place->env.error.what);
    if (!strstr(place->env.error.mend, mend)) fail_msg("%s", place->env.error.mend);
    assert_non_null(strstr(place->env.error.where, "lock"));
    cw_env_clear(&place->env);
    assert_int_equal(access(place->lock, F_OK), 0); /* it stays */
}

static void assert_taken_over(cw_place *place, const char *why) {
    cw_lock *lock;
    char text[4096], pid[32];
    place->log[0] = '\0';
    assert_int_equal(cw_lock_take(&place->env, place->folder, &lock), CW_OK);
    assert_non_null(strstr(place->log, why));
    read_text(place, text);
    snprintf(pid, sizeof pid, "\npid %ld\n", (long)getpid());
    assert_non_null(strstr(text, pid));
    cw_lock_release(&lock);
    assert_null(lock);
    assert_int_equal(access(place->lock, F_OK), -1);
}

static void a_second_writer_is_refused(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    cw_lock *lock;
    assert_int_equal(cw_lock_take(&place.env, place.folder, &lock), CW_OK);
    char host[256] = "", what[512];
    gethostname(host, sizeof host - 1);
    snprintf(what, sizeof what, "process %ld on %s", (long)getpid(), host);
    assert_refused(&place, what, "wait until it has ended");
    pid_t child = fork(); /* another process too */
    if (child == 0) {
        cw_lock *second;
        cw_lock_release(&lock); /* a child does not hold its parent's lock */
        _exit(cw_lock_take(&place.env, place.folder, &second) == CW_CANNOT_WRITE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cw_lock_release(&lock);
    assert_int_equal(cw_lock_take(&place.env, place.folder, &lock), CW_OK);
    cw_lock_release(&lock);
    cw_lock_release(&lock);
    place_drop(&place);
}

static void a_killed_holder_is_gone(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        cw_lock *lock;
        cw_code code = cw_lock_take(&place.env, place.folder, &lock);
        if (write(ready[1], &code, sizeof code) != sizeof code) _exit(1);
        for (;;) pause();
    }
    cw_code code = CW_INTERNAL;
    assert_int_equal(read(ready[0], &code, sizeof code), sizeof code);
    assert_int_equal(code, CW_OK);
    assert_refused(&place, "another run is writing", "wait");
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_taken_over(&place, "its process has ended");
    close(ready[0]);
    close(ready[1]);
    place_drop(&place);
}

static void a_reused_number_is_no_holder(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    leave_lock(&place);
    change(&place, "start", "1"); /* our number, but it began at another time */
    assert_taken_over(&place, "another has its number");
    leave_lock(&place);
    change(&place, "boot", "00000000-0000-0000-0000-000000000000");
    assert_taken_over(&place, "started again");
    place_drop(&place);
}

static void elsewhere_nothing_is_known(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    leave_lock(&place);
    change(&place, "host", "node-17");
    change(&place, "start", "1");
    assert_refused(&place, "on node-17", "remove this file");
    leave_lock(&place);
    change(&place, "space", "pid:[1]"); /* a container that we do not see into */
    change(&place, "pid", "999999999");
    assert_refused(&place, "process 999999999", "remove this file");
    write_text(&place, "");
    assert_refused(&place, "does not say by whom", "remove this file");
    write_text(&place, "causeway lock\nhost x\n");
    assert_refused(&place, "does not say by whom", "remove this file");
    write_text(&place, "someone else's notes\n");
    assert_refused(&place, "does not say by whom", "remove this file");
    place_drop(&place);
}

static void the_requeued_job_takes_over(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    setenv("SLURM_JOB_ID", "4711", 1);
    leave_lock(&place);
    change(&place, "host", "node-17");
    assert_refused(&place, "Slurm job 4711", "remove this file"); /* a second step of the same job */
    setenv("SLURM_RESTART_COUNT", "1", 1);
    assert_taken_over(&place, "requeued");
    leave_lock(&place); /* by restart 1 */
    change(&place, "host", "node-17");
    assert_refused(&place, "Slurm job 4711", "remove this file");
    setenv("SLURM_RESTART_COUNT", "0", 1);
    assert_refused(&place, "Slurm job 4711",
                   "remove this file"); /* an earlier start may not push out a later */
    setenv("SLURM_JOB_ID", "4712", 1);
    setenv("SLURM_RESTART_COUNT", "9", 1);
    assert_refused(&place, "Slurm job 4711", "remove this file");
    setenv("SLURM_JOB_ID", "4711", 1);
    assert_taken_over(&place, "requeued");
    place_drop(&place);
}

static void a_lock_taken_over_is_not_released(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    cw_lock *lock;
    assert_int_equal(cw_lock_take(&place.env, place.folder, &lock), CW_OK);
    change(&place, "restart", "1"); /* the requeued job's */
    cw_lock_release(&lock);
    assert_int_equal(access(place.lock, F_OK), 0);
    place_drop(&place);
}

static void one_of_many_wins_a_stale_lock(void **state) {
    (void)state;
    enum { RACERS = 8, ROUNDS = 10 };
    cw_place place;
    place_make(&place);
    for (int round = 0; round < ROUNDS; round++) {
        leave_lock(&place);
        change(&place, "start", "1");
        int start[2], done[2], finish[2];
        assert_int_equal(pipe(start) | pipe(done) | pipe(finish), 0);
        pid_t child[RACERS];
        for (int i = 0; i < RACERS; i++) {
            child[i] = fork();
            if (child[i] == 0) {
                char go;
                cw_lock *lock;
                close(start[1]);
                close(finish[1]);
                if (read(start[0], &go, 1) != 0) _exit(2);
                char won = cw_lock_take(&place.env, place.folder, &lock) == CW_OK;
                if (write(done[1], &won, 1) != 1) _exit(2);
                if (read(finish[0], &go, 1) != 0) _exit(2); /* it holds the lock until all have tried */
                _exit(0);
            }
        }
        close(start[1]); /* go */
        int winners = 0;
        for (int i = 0; i < RACERS; i++) {
            char won = 0;
            assert_int_equal(read(done[0], &won, 1), 1);
            winners += won;
        }
        close(finish[1]);
        for (int i = 0; i < RACERS; i++) assert_int_equal(waitpid(child[i], NULL, 0), child[i]);
        assert_int_equal(winners, 1);
        close(start[0]);
        close(done[0]);
        close(done[1]);
        close(finish[0]);
        (void)unlink(place.lock);
    }
    place_drop(&place);
}

static void a_folder_that_is_not_there(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_lock *lock;
    assert_int_equal(cw_lock_take(&env, "/tmp/cw_lock_nowhere/at/all", &lock), CW_CANNOT_WRITE);
    assert_null(lock);
    assert_non_null(strstr(env.error.what, "No such file"));
    assert_int_equal(env.blocks_now, 0);
}

static void failed_allocations_unwind(void **state) {
    (void)state;
    cw_place place;
    place_make(&place);
    for (int64_t at = 1;; at++) {
        cw_lock *lock;
        place.env.calls = 0;
        place.env.fail_at = at;
        cw_code code = cw_lock_take(&place.env, place.folder, &lock);
        place.env.fail_at = 0;
        if (code == CW_OK) {
            assert_true(at > 2);
            cw_lock_release(&lock);
            break;
        }
        assert_int_equal(code, CW_NO_MEMORY);
        assert_null(lock);
        assert_int_equal(place.env.blocks_now, 0);
        cw_env_clear(&place.env);
    }
    place_drop(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_writer_is_refused),    cmocka_unit_test(a_killed_holder_is_gone),
        cmocka_unit_test(a_reused_number_is_no_holder),  cmocka_unit_test(elsewhere_nothing_is_known),
        cmocka_unit_test(the_requeued_job_takes_over),   cmocka_unit_test(a_lock_taken_over_is_not_released),
        cmocka_unit_test(one_of_many_wins_a_stale_lock), cmocka_unit_test(a_folder_that_is_not_there),
        cmocka_unit_test(failed_allocations_unwind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
