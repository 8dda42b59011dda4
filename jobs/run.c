/* causeway run: the stages in order, the output folder, resuming and stopping. */
#include "run.h"

#include <stdio.h>
#include <string.h>

#include "../io/file.h"
#include "../io/import.h"
#include "../io/scratch.h"
#include "commands.h"
#include "folder.h"

/* Where imported tables are kept in the output folder. */
static const char data_folder[] = "data";

/* The job's bytes are read once, by rank 0; everyone parses the same text. */
static cw_code open_job(cw_run *run) {
    char *text = NULL;
    size_t length = 0;
    const cw_options *options = run->options;
    cw_code code = CW_OK;
    if (cw_context_rank(run->context) == 0)
        code = cw_job_read(run->env, options->argument[0], &text, &length);
    CW_TRY_GOTO(code, cw_agree(run->context, code), done);
    void *bytes = text;
    CW_TRY_GOTO(code, cw_broadcast_alloc(run->context, &bytes, &length), done);
    text = bytes;
    code = cw_job_parse(run->env, options->argument[0], text, length, options->sets, options->set, &run->job);
    if (code == CW_OK) code = cw_job_digest(run->env, run->job, &run->job_digest);
    code = cw_agree(run->context, code);
done:
    cw_free(run->env, &text);
    return code;
}

/* What a killed run left half-written goes, here and among the imported tables. */
static cw_code sweep(cw_run *run) {
    char *data = NULL;
    CW_TRY(cw_folder_sweep(run->env, run->folder));
    CW_TRY(cw_path_join(run->env, run->folder, data_folder, &data));
    cw_code code = cw_folder_sweep(run->env, data);
    cw_free(run->env, &data);
    return code;
}

/* --fresh: the folder is renamed while its lock is held, so no live run loses it; the lock goes with it and
 * is removed there. */
static cw_code put_aside(cw_run *run) {
    char *aside = NULL, *lock = NULL;
    CW_TRY(cw_folder_put_aside(run->env, run->folder, &aside));
    cw_lock_release(&run->lock);
    cw_code code = cw_path_join(run->env, aside, "lock", &lock);
    if (code == CW_OK) (void)remove(lock);
    if (code == CW_OK) code = cw_folder_make(run->env, run->folder);
    if (code == CW_OK) code = cw_lock_take(run->env, run->folder, &run->lock);
    cw_free(run->env, &lock);
    cw_free(run->env, &aside);
    return code;
}

/* The lock comes first: whose the folder is may be asked, and changed, only by who holds it. */
static cw_code lock_folder(cw_run *run, cw_folder_state *state) {
    int there = cw_file_exists(run->folder);
    CW_TRY(cw_folder_make(run->env, run->folder));
    CW_TRY(cw_lock_take(run->env, run->folder, &run->lock));
    if (run->options->fresh && there) CW_TRY(put_aside(run));
    CW_TRY(cw_folder_claim(run->env, run->folder, run->job, state));
    return sweep(run);
}

/* Rank 0 claims the folder; all learn its state. */
static cw_code open_folder(cw_run *run, cw_folder_state *state) {
    int64_t found = CW_FOLDER_NEW;
    cw_code code = cw_strdup(run->env, run->job->output.folder, &run->folder);
    if (code == CW_OK && cw_context_rank(run->context) == 0) {
        code = lock_folder(run, state);
        found = *state;
    }
    CW_TRY(cw_agree(run->context, code));
    CW_TRY(cw_broadcast(run->context, &found, sizeof found));
    *state = (cw_folder_state)found;
    return CW_OK;
}

/* CSV becomes a canonical table in the output folder, once. */
static cw_code import_table(cw_run *run, const cw_table_spec *spec, cw_table_spec *now, char **target) {
    int needed = 0;
    cw_code code = CW_OK;
    *now = *spec;
    if (cw_context_rank(run->context) == 0) code = cw_table_needs_import(run->env, spec, &needed);
    CW_TRY(cw_agree(run->context, code));
    CW_TRY(cw_broadcast(run->context, &needed, sizeof needed));
    if (!needed) return CW_OK;
    char *report = NULL, *folder = NULL;
    code = cw_path_join(run->env, run->folder, data_folder, &folder);
    CW_TRY_GOTO(code, cw_agree(run->context, code), done);
    CW_TRY_GOTO(code, cw_import_cached(run->context, spec, folder, target, &report), done);
    if (report && run->options->verbose) cw_log(run->env, CW_INFO, "%s", report);
    *now = (cw_table_spec){
        .files = 1, .file = (const char *const *)target, .columns = spec->columns, .column = spec->column};
done:
    cw_free(run->env, &report);
    cw_free(run->env, &folder);
    return code;
}

static cw_code open_table(cw_run *run) {
    cw_table_spec spec = {0}, now;
    char *target = NULL;
    cw_code code = cw_agree(run->context, cw_columns_spec(run->env, run->job, &spec));
    if (code == CW_OK) code = import_table(run, &spec, &now, &target);
    if (code == CW_OK) code = cw_table_open(run->context, &now, &run->table);
    cw_free(run->env, &target);
    cw_columns_spec_clear(run->env, &spec);
    return code;
}

static cw_code open_checkpoint(cw_run *run) {
    if (cw_context_rank(run->context) != 0) return CW_OK;
    CW_TRY(cw_folder_data(run->env, run->folder, run->table->digest));
    CW_TRY(cw_checkpoint_open(run->env, run->folder, run->job_digest, run->table->digest,
                              run->job->run.checkpoint_seconds, &run->checkpoint));
    run->keeper = cw_checkpoint_keeper(run->checkpoint);
    return CW_OK;
}

static cw_code print_file(cw_run *run, const char *name) {
    char *file = NULL, *text = NULL;
    size_t length = 0;
    cw_code code = cw_path_join(run->env, run->folder, name, &file);
    if (code == CW_OK) code = cw_file_read(run->env, file, (size_t)1 << 30, &text, &length);
    if (code == CW_OK) fwrite(text, 1, length, stdout);
    cw_free(run->env, &text);
    cw_free(run->env, &file);
    return code;
}

/* A finished run is printed again, unless its data have changed since; that they are gone by now does not
 * matter. */
static cw_code print_again(cw_run *run) {
    cw_code code = open_table(run);
    int gone = code == CW_NO_INPUT;
    if (gone) {
        cw_env_clear(run->env);
        code = CW_OK;
    }
    if (code == CW_OK && cw_context_rank(run->context) == 0) {
        if (!gone) code = cw_folder_data(run->env, run->folder, run->table->digest);
        if (code == CW_OK) {
            cw_log(run->env, CW_INFO,
                   "this job is finished%s: its results are printed again (--fresh runs it anew)",
                   gone ? " and its data are gone" : "");
            code = print_file(run, run->options->json ? "results.json" : "summary.txt");
        }
    }
    return cw_agree(run->context, code);
}

static cw_code timed(cw_run *run, const char *name, cw_code (*stage)(cw_run *)) {
    cw_timer_start(run->context, name);
    cw_code code = stage(run);
    cw_timer_stop(run->context, name, 0, 0);
    return code;
}

static cw_code run_stages(cw_run *run) {
    cw_folder_state state = CW_FOLDER_NEW;
    CW_TRY(open_job(run));
    cw_watchdog(run->context, run->job->run.watchdog_minutes);
    run->spill = cw_scratch_spill(run->job->run.scratch);
    CW_TRY(open_folder(run, &state));
    if (state == CW_FOLDER_FINISHED) return print_again(run);
    CW_TRY(timed(run, "open data", open_table));
    CW_TRY(cw_agree(run->context, open_checkpoint(run)));
    CW_TRY(timed(run, "identify", cw_stage_identify));
    CW_TRY(cw_stage_columns(run));
    CW_TRY(timed(run, "estimate", cw_stage_estimate));
    return cw_stage_results(run);
}

void cw_run_clear(cw_run *run) {
    cw_env *env = run->env;
    for (int32_t k = 0; k < run->tasks; k++) cw_task_clear(env, &run->task[k]);
    cw_free(env, &run->task);
    cw_profile_destroy(&run->profile);
    cw_free(env, &run->profile_state);
    cw_free(env, &run->facts);
    cw_results_destroy(&run->results);
    cw_adjustment_destroy(&run->adjustment);
    cw_graph_destroy(&run->graph);
    cw_columns_destroy(&run->columns);
    cw_table_destroy(&run->table);
    cw_checkpoint_close(&run->checkpoint);
    cw_lock_release(&run->lock);
    cw_free(env, &run->folder);
    cw_job_destroy(&run->job);
}

cw_code cw_command_run(cw_context *context, const cw_options *options) {
    cw_run run = {.env = cw_context_env(context), .context = context, .options = options};
    cw_code code = run_stages(&run);
    cw_watchdog(context, 0);
    cw_run_clear(&run);
    return code;
}
