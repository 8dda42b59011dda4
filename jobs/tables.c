/* causeway import and causeway inspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../io/import.h"
#include "../io/inspect.h"
#include "../io/json.h"
#include "../io/table.h"
#include "commands.h"

static cw_table_spec spec_of(const cw_options *options) {
    return (cw_table_spec){.files = options->arguments, .file = options->argument, .path = options->path};
}

static cw_code print_import(cw_env *env, const cw_options *options, const char *report) {
    if (!options->json) {
        printf("%swritten: %s\n", report ? report : "", options->output);
        return CW_OK;
    }
    cw_json *json = NULL;
    char *text = NULL;
    size_t length = 0;
    CW_TRY(cw_json_create(env, &json));
    cw_json_object(json, NULL);
    cw_json_string(json, "table", options->output);
    cw_json_string(json, "report", report);
    cw_json_end(json);
    cw_code code = cw_json_finish(json, &text, &length);
    if (code == CW_OK) fputs(text, stdout);
    cw_free(env, &text);
    cw_json_destroy(&json);
    return code;
}

cw_code cw_command_import(cw_context *context, const cw_options *options) {
    cw_env *env = cw_context_env(context);
    char *report = NULL;
    const cw_table_spec spec = spec_of(options);
    cw_code code = cw_import(context, &spec, options->output, &report);
    cw_timing *timing = NULL;
    int32_t timings = 0;
    if (code == CW_OK) code = cw_timings(context, &timing, &timings);
    if (code == CW_OK && cw_context_rank(context) == 0) {
        if (options->verbose) cw_log_timings(env, timing, timings);
        code = print_import(env, options, report);
    }
    cw_free(env, &timing);
    cw_free(env, &report);
    return cw_agree(context, code);
}

static cw_code inspect_table(cw_env *env, const cw_options *options, const cw_table_spec *spec) {
    cw_table *table = NULL;
    char *text = NULL;
    cw_code code = cw_table_scan(env, spec, &table);
    if (code == CW_OK) code = cw_inspect(env, table, &text, options->json);
    if (code == CW_OK) fputs(text, stdout);
    cw_free(env, &text);
    cw_table_destroy(&table);
    return code;
}

/* CSV is imported into a folder of its own, which is removed again. */
static cw_code inspect_imported(cw_env *env, const cw_options *options, const cw_table_spec *spec) {
    char folder[] = "/tmp/causeway-inspect-XXXXXX";
    char *target = NULL, *report = NULL;
    cw_context *context = NULL;
    if (!mkdtemp(folder))
        return cw_fail(env, CW_CANNOT_WRITE, folder, "free some space there", "cannot make a folder");
    MPI_Init(NULL, NULL);
    cw_code code = cw_format(env, &target, "%s/table.h5", folder);
    if (code == CW_OK) code = cw_context_create(env, MPI_COMM_SELF, &context);
    if (code == CW_OK) code = cw_import(context, spec, target, &report);
    if (code == CW_OK) {
        const char *file = target;
        const cw_table_spec imported = {.files = 1, .file = &file};
        if (report && !options->json) fputs(report, stdout);
        code = inspect_table(env, options, &imported);
    }
    cw_context_destroy(&context);
    MPI_Finalize();
    if (target) unlink(target);
    rmdir(folder);
    cw_free(env, &target);
    cw_free(env, &report);
    return code;
}

cw_code cw_command_inspect(cw_env *env, const cw_options *options) {
    const cw_table_spec spec = spec_of(options);
    int needed = 0;
    CW_TRY(cw_table_needs_import(env, &spec, &needed));
    return needed ? inspect_imported(env, options, &spec) : inspect_table(env, options, &spec);
}
