/* The lock of an output folder is a file that is there or not: made under another name and linked into place,
 * so that it is never seen half-written, also on network file systems. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint.h"
#include "file.h"

enum { CW_LOCK_BYTES = 4096, CW_FIELD_BYTES = 256, CW_LOCK_TRIES = 5 };

/* Who holds a lock. Numbers of processes mean something only on the same host, since the same start of the
 * system, and among processes that see each other (containers); their start time tells a reused number. */
typedef struct cw_holder {
    char host[CW_FIELD_BYTES], boot[CW_FIELD_BYTES], space[CW_FIELD_BYTES];
    char pid[CW_FIELD_BYTES], start[CW_FIELD_BYTES], job[CW_FIELD_BYTES], restart[CW_FIELD_BYTES];
    char since[CW_FIELD_BYTES];
} cw_holder;

typedef struct cw_field {
    const char *key;
    size_t offset;
} cw_field;

#define CW_HOLDER_FIELD(name)                                                                                \
    { #name, offsetof(cw_holder, name) }
static const cw_field holder_field[] = {
    CW_HOLDER_FIELD(host),  CW_HOLDER_FIELD(boot), CW_HOLDER_FIELD(space),   CW_HOLDER_FIELD(pid),
    CW_HOLDER_FIELD(start), CW_HOLDER_FIELD(job),  CW_HOLDER_FIELD(restart), CW_HOLDER_FIELD(since),
};
enum { CW_FIELDS = sizeof holder_field / sizeof holder_field[0] };
static const char first_line[] = "causeway lock\n";

struct cw_lock {
    cw_env *env;
    char *file;
    char text[CW_LOCK_BYTES]; /* what this process wrote */
    pid_t pid;                /* a child after fork does not hold it */
};

/* The first line of a small file, "" where it cannot be read. */
static void first_word(const char *file, char *word, size_t size) {
    word[0] = '\0';
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    ssize_t count = read(descriptor, word, size - 1);
    close(descriptor);
    word[count > 0 ? count : 0] = '\0';
    word[strcspn(word, "\n")] = '\0';
}

/* When a process began, in clock ticks since the system's start: field 22 of /proc/<pid>/stat, counted after
 * the name in brackets, which may hold anything. "" where there is no such file. */
static void start_of(const char *pid, char *start, size_t size) {
    char path[CW_FIELD_BYTES + 16], text[1024];
    start[0] = '\0';
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    first_word(path, text, sizeof text);
    char *field = strrchr(text, ')');
    for (int i = 2; field && i < 22; i++) {
        field = strchr(field, ' ');
        if (field) field++;
    }
    if (!field) return;
    field[strcspn(field, " ")] = '\0';
    snprintf(start, size, "%s", field);
}

/* A process that is ending, or has ended and was not yet waited for, keeps its number but runs no more: its
 * memory is gone, and with it its command line. */
static int is_defunct(const char *pid) {
    char path[CW_FIELD_BYTES + 16], text[16] = "?";
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    ssize_t count = read(descriptor, text, sizeof text);
    close(descriptor);
    return count == 0;
}

static void from_environment(const char *name, char *text, size_t size) {
    const char *value = getenv(name);
    snprintf(text, size, "%s", value ? value : "");
    for (char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ') *c = '_';
}

static void describe_self(cw_holder *self) {
    memset(self, 0, sizeof *self);
    (void)gethostname(self->host, sizeof self->host - 1);
    first_word("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot);
    ssize_t length = readlink("/proc/self/ns/pid", self->space, sizeof self->space - 1);
    self->space[length > 0 ? length : 0] = '\0';
    snprintf(self->pid, sizeof self->pid, "%ld", (long)getpid());
    start_of(self->pid, self->start, sizeof self->start);
    from_environment("SLURM_JOB_ID", self->job, sizeof self->job);
    from_environment("SLURM_RESTART_COUNT", self->restart, sizeof self->restart);
    time_t seconds = time(NULL);
    struct tm utc;
    if (gmtime_r(&seconds, &utc)) strftime(self->since, sizeof self->since, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static char *field_of(cw_holder *holder, int field) {
    return (char *)holder + holder_field[field].offset;
}

static void render(cw_holder *holder, char text[CW_LOCK_BYTES]) {
    size_t length = (size_t)snprintf(text, CW_LOCK_BYTES, "%s", first_line);
    for (int f = 0; f < CW_FIELDS; f++)
        length += (size_t)snprintf(text + length, CW_LOCK_BYTES - length, "%s %s\n", holder_field[f].key,
                                   field_of(holder, f));
}

/* 0 where the text is no lock of ours. */
static int parse(const char *text, cw_holder *holder) {
    memset(holder, 0, sizeof *holder);
    if (strncmp(text, first_line, sizeof first_line - 1) != 0) return 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (int f = 0; f < CW_FIELDS; f++) {
            size_t key = strlen(holder_field[f].key);
            if (strncmp(line, holder_field[f].key, key) != 0 || line[key] != ' ') continue;
            size_t length = strcspn(line + key + 1, "\n");
            if (length >= CW_FIELD_BYTES) length = CW_FIELD_BYTES - 1;
            memcpy(field_of(holder, f), line + key + 1, length);
            field_of(holder, f)[length] = '\0';
        }
    }
    return holder->host[0] && holder->pid[0];
}

static int known_and_equal(const char *a, const char *b) {
    return a[0] && strcmp(a, b) == 0;
}

/* Why the holder is gone, or NULL: it may well be there. */
static const char *gone(const cw_holder *holder, const cw_holder *self) {
    if (known_and_equal(holder->job, self->job) &&
        strtol(self->restart, NULL, 10) > strtol(holder->restart, NULL, 10))
        return "this is the same Slurm job, requeued";
    if (!known_and_equal(holder->host, self->host)) return NULL;
    if (holder->boot[0] && self->boot[0] && strcmp(holder->boot, self->boot) != 0)
        return "the host was started again since";
    if (strcmp(holder->space, self->space) != 0) return NULL;
    char *end;
    long pid = strtol(holder->pid, &end, 10);
    if (pid <= 0 || *end) return NULL;
    if ((kill((pid_t)pid, 0) != 0 && errno == ESRCH) || is_defunct(holder->pid))
        return "its process has ended";
    char start[CW_FIELD_BYTES];
    start_of(holder->pid, start, sizeof start);
    if (start[0] && holder->start[0] && strcmp(start, holder->start) != 0)
        return "its process has ended and another has its number";
    return NULL;
}

static cw_code cannot(cw_env *env, const char *file, const char *what, int number) {
    return cw_fail(env, CW_CANNOT_WRITE, file, "check that the output folder is there and may be written to",
                   "cannot %s the lock: %s", what, strerror(number));
}

static cw_code refuse(cw_env *env, const char *file, const cw_holder *holder, const cw_holder *self) {
    int here = strcmp(holder->host, self->host) == 0 && strcmp(holder->space, self->space) == 0;
    char mend[CW_ERROR_TEXT];
    snprintf(mend, sizeof mend, "%s, or choose another output.folder",
             here ? "wait until it has ended"
                  : "wait until it has ended; if you know that it has, remove this file");
    return cw_fail(env, CW_CANNOT_WRITE, file, mend,
                   "another run is writing to this folder: process %s on %s%s%s%s%s", holder->pid,
                   holder->host, holder->job[0] ? ", Slurm job " : "", holder->job,
                   holder->since[0] ? ", since " : "", holder->since);
}

/* The lock as it stands; *found is 0 when it has gone meanwhile. */
static cw_code read_lock(cw_env *env, const char *file, char text[CW_LOCK_BYTES], int *found) {
    *found = 0;
    text[0] = '\0';
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return errno == ENOENT ? CW_OK : cannot(env, file, "read", errno);
    ssize_t count = read(descriptor, text, CW_LOCK_BYTES - 1);
    int number = errno;
    close(descriptor);
    if (count < 0) return cannot(env, file, "read", number);
    text[count] = '\0';
    *found = 1;
    return CW_OK;
}

static int write_text(int descriptor, const char *text) {
    size_t length = strlen(text);
    ssize_t put = write(descriptor, text, length);
    int number = put < 0 ? errno : (size_t)put < length ? ENOSPC : 0;
    if (number == 0 && fsync(descriptor) != 0 && errno != EINVAL) number = errno;
    if (close(descriptor) != 0 && number == 0) number = errno;
    return number;
}

/* Where there are no hard links the lock is made in place. */
static cw_code make_in_place(cw_env *env, const char *file, const char *text, int *taken) {
    int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) return errno == EEXIST ? CW_OK : cannot(env, file, "make", errno);
    int number = write_text(descriptor, text);
    if (number != 0) {
        (void)unlink(file);
        return cannot(env, file, "write", number);
    }
    *taken = 1;
    return CW_OK;
}

/* Makes the lock unless there is one; *taken tells. A link count of 2 is the proof: on NFS the answer of
 * link() can be lost. */
static cw_code make_lock(cw_env *env, const char *file, const char *text, int *taken) {
    *taken = 0;
    char *temporary = NULL;
    CW_TRY(cw_file_temporary(env, file, &temporary));
    cw_code code = CW_OK;
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    int number = descriptor < 0 ? errno : write_text(descriptor, text);
    if (number != 0) {
        code = cannot(env, file, "write", number);
    } else {
        struct stat status;
        number = link(temporary, file) == 0 ? 0 : errno;
        if (stat(temporary, &status) == 0 && status.st_nlink == 2)
            *taken = 1;
        else if (number != 0 && number != EEXIST)
            code = make_in_place(env, file, text, taken);
        else if (number == 0) /* a file system without link counts */
            *taken = 1;
    }
    if (descriptor >= 0) (void)unlink(temporary);
    cw_free(env, &temporary);
    return code;
}

/* Removes a lock whose holder is gone; fails when it is not. */
static cw_code clear_stale(cw_env *env, const char *file, const cw_holder *self) {
    char text[CW_LOCK_BYTES];
    int found;
    CW_TRY(read_lock(env, file, text, &found));
    if (!found) return CW_OK;
    cw_holder holder;
    if (!parse(text, &holder))
        return cw_fail(env, CW_CANNOT_WRITE, file, "remove this file if no run is writing to the folder",
                       "the folder is locked, and the lock does not say by whom");
    const char *why = gone(&holder, self);
    if (!why) return refuse(env, file, &holder, self);
    cw_log(env, CW_WARNING, "the lock of process %s on %s is taken over: %s", holder.pid, holder.host, why);
    if (unlink(file) != 0 && errno != ENOENT) return cannot(env, file, "remove", errno);
    return CW_OK;
}

static cw_code take(cw_lock *lock, const char *folder) {
    cw_env *env = lock->env;
    cw_holder self;
    describe_self(&self);
    render(&self, lock->text);
    lock->pid = getpid();
    CW_TRY(cw_path_join(env, folder, "lock", &lock->file));
    /* Two runs that find the same stale lock must not both remove one: judging and making is one at a time on
     * a host, and only this host's processes or Slurm's one requeued job ever judge a lock stale. */
    int guard = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (guard >= 0) (void)flock(guard, LOCK_EX);
    cw_code code = CW_OK;
    int taken = 0;
    for (int i = 0; i < CW_LOCK_TRIES && !taken && code == CW_OK; i++) {
        code = make_lock(env, lock->file, lock->text, &taken);
        if (code == CW_OK && !taken) code = clear_stale(env, lock->file, &self);
    }
    if (guard >= 0) close(guard);
    if (code == CW_OK && !taken) code = cannot(env, lock->file, "take", EAGAIN);
    return code;
}

cw_code cw_lock_take(cw_env *env, const char *folder, cw_lock **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    cw_code code = take(*out, folder);
    if (code != CW_OK) {
        cw_free(env, &(*out)->file);
        cw_free(env, out);
    }
    return code;
}

void cw_lock_release(cw_lock **lock) {
    if (!lock || !*lock) return;
    cw_lock *held = *lock;
    cw_env *env = held->env;
    char text[CW_LOCK_BYTES];
    int descriptor = held->pid == getpid() ? open(held->file, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor >= 0) { /* it may have been taken over */
        ssize_t count = read(descriptor, text, sizeof text - 1);
        close(descriptor);
        text[count > 0 ? count : 0] = '\0';
        if (strcmp(text, held->text) == 0) (void)unlink(held->file);
    }
    cw_free(env, &held->file);
    cw_free(env, lock);
}
