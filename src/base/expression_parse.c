/* Text to program. Operators are parsed by precedence climbing. What a text can nest without bound
 * (parentheses, arguments, prefix operators, chains of ^) counts towards CW_EXPRESSION_DEPTH; between two of
 * these the recursion is at most one call for each of the few levels of precedence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "expression_code.h"

typedef enum token_kind { T_END, T_NUMBER, T_NAME, T_QUOTED, T_SYMBOL, T_BAD } token_kind;

typedef struct token {
    token_kind kind;
    int32_t start, length; /* bytes within the text; of a quoted name without its quotes */
    double number;
} token;

typedef struct parser {
    cw_env *env;
    const char *what, *text;
    int32_t at; /* the first byte after the current token */
    int32_t depth, waiting;
    token token;
    cw_name_lookup lookup;
    void *self;
    cw_expression *program;
    char name[CW_EXPRESSION_BYTES + CW_NUMBER_PAD];
} parser;

/* From loose to tight. */
enum { P_OR = 1, P_AND, P_NOT, P_COMPARE, P_SUM, P_PRODUCT, P_SIGN, P_POWER };

typedef struct binary_operator {
    const char *text;
    int precedence;
    cw_opcode code;
} binary_operator;

static const binary_operator binary_operators[] = {
    {"or", P_OR, CW_OP_OR},
    {"and", P_AND, CW_OP_AND},
    {"<", P_COMPARE, CW_OP_LESS},
    {"<=", P_COMPARE, CW_OP_LESS_EQUAL},
    {">", P_COMPARE, CW_OP_GREATER},
    {">=", P_COMPARE, CW_OP_GREATER_EQUAL},
    {"=", P_COMPARE, CW_OP_EQUAL},
    {"==", P_COMPARE, CW_OP_EQUAL},
    {"!=", P_COMPARE, CW_OP_NOT_EQUAL},
    {"+", P_SUM, CW_OP_ADD},
    {"-", P_SUM, CW_OP_SUBTRACT},
    {"*", P_PRODUCT, CW_OP_MULTIPLY},
    {"/", P_PRODUCT, CW_OP_DIVIDE},
    {"^", P_POWER, CW_OP_POWER},
    {"**", P_POWER, CW_OP_POWER},
};

typedef struct function {
    const char *name;
    int32_t least, most; /* arguments */
    cw_opcode code;      /* with more than it takes: applied from left to right */
} function;

static const function functions[] = {
    {"abs", 1, 1, CW_OP_ABS},     {"ceil", 1, 1, CW_OP_CEIL},   {"cos", 1, 1, CW_OP_COS},
    {"exp", 1, 1, CW_OP_EXP},     {"floor", 1, 1, CW_OP_FLOOR}, {"log", 1, 1, CW_OP_LOG},
    {"log1p", 1, 1, CW_OP_LOG1P}, {"max", 2, 64, CW_OP_MAX},    {"min", 2, 64, CW_OP_MIN},
    {"mod", 2, 2, CW_OP_MOD},     {"sin", 1, 1, CW_OP_SIN},     {"sqrt", 1, 1, CW_OP_SQRT},
    {"tanh", 1, 1, CW_OP_TANH},   {"if", 3, 3, CW_OP_IF},       {"is_missing", 1, 1, CW_OP_IS_MISSING},
};
static const char function_names[] =
    "the functions are abs ceil cos exp floor log log1p max min mod sin sqrt tanh is_missing if";

/* ---- errors ---- */

/* Fails at byte `start`; positions are told in characters from 1. */
static cw_code fail_at(parser *p, int32_t start, const char *mend, const char *problem) {
    char where[CW_ERROR_PLACE];
    int character = 1;
    for (int32_t i = 0; i < start; i++) character += ((unsigned char)p->text[i] & 0xC0) != 0x80;
    if (strlen(p->text) <= 160)
        snprintf(where, sizeof where, "character %d of \"%s\"", character, p->text);
    else
        snprintf(where, sizeof where, "character %d", character);
    return cw_fail(p->env, CW_BAD_JOB, where, mend, "%s: %s", p->what, problem);
}

/* What the user may have meant by a character that has no meaning here. */
static const char *hint_for(const token *t, const char *text) {
    if (t->kind != T_BAD) return NULL;
    switch (text[t->start]) {
    case '&':
        return "write: and";
    case '|':
        return "write: or";
    case '!':
        return "write: not, or != between two values";
    case '%':
        return "write: mod(a, b)";
    case '"':
    case '\'':
        return "numbers only: compare categories by their codes, and put unusual column names in "
               "`backquotes`";
    case '`':
        return "close the backquotes around a column name";
    case '[':
    case '{':
        return "use parentheses";
    default:
        return NULL;
    }
}

/* At most `most` bytes of a text, not cut within a character. */
static int32_t whole_characters(const char *text, int32_t length, int32_t most) {
    if (length <= most) return length;
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80) most--;
    return most;
}

/* A few words for the current token. */
static void describe(const parser *p, char *words, size_t size) {
    const token *t = &p->token;
    const char *start = p->text + t->start;
    int length = (int)whole_characters(start, t->length, 40);
    if (t->kind == T_END)
        snprintf(words, size, "the end");
    else if (t->kind == T_BAD && (unsigned char)*start < ' ')
        snprintf(words, size, "a control character");
    else
        snprintf(words, size, "'%.*s'", length, start);
}

static cw_code expected(parser *p, const char *what) {
    char found[64], problem[256];
    describe(p, found, sizeof found);
    snprintf(problem, sizeof problem, "expected %s, found %s", what, found);
    return fail_at(p, p->token.start, hint_for(&p->token, p->text), problem);
}

/* ---- tokens ---- */

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int is_letter(char c) { /* bytes of UTF-8 beyond ASCII count as letters */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || ((unsigned char)c & 0x80);
}

static int32_t skip_digits(const char *text, int32_t at) {
    while (is_digit(text[at])) at++;
    return at;
}

static cw_code read_number(parser *p) {
    int32_t at = skip_digits(p->text, p->at);
    if (p->text[at] == '.') at = skip_digits(p->text, at + 1);
    if (p->text[at] == 'e' || p->text[at] == 'E') {
        int32_t sign = p->text[at + 1] == '+' || p->text[at + 1] == '-';
        if (!is_digit(p->text[at + 1 + sign]))
            return fail_at(p, at, "write the exponent like 1e6", "expected digits after the e of a number");
        at = skip_digits(p->text, at + 1 + sign);
    }
    token *t = &p->token;
    t->kind = T_NUMBER;
    t->length = at - p->at;
    p->at = at;
    memcpy(p->name, p->text + t->start, (size_t)t->length);
    p->name[t->length] = '\0';
    int64_t integer;
    if (!cw_number_parse(p->name, (size_t)t->length, &integer, &t->number))
        return fail_at(p, t->start, NULL, "cannot read a number");
    if (t->number - t->number != 0)
        return fail_at(p, t->start, "use at most 1.79e308", "a number is too large");
    if (is_letter(p->text[at]) || p->text[at] == '.')
        return fail_at(p, at, "put column names that begin with a digit in `backquotes`",
                       "expected an operator after a number");
    return CW_OK;
}

static void read_name(parser *p) {
    int32_t at = p->at;
    while (is_letter(p->text[at]) || is_digit(p->text[at]) || p->text[at] == '.') at++;
    p->token.kind = T_NAME;
    p->token.length = at - p->at;
    p->at = at;
}

static void read_quoted(parser *p) {
    const char *start = p->text + p->at + 1;
    const char *end = strchr(start, '`');
    if (!end || end == start) return; /* stays T_BAD */
    p->token.kind = T_QUOTED;
    p->token.start = p->at + 1;
    p->token.length = (int32_t)(end - start);
    p->at = p->token.start + p->token.length + 1;
}

static void read_symbol(parser *p) {
    static const char *const two[] = {"<=", ">=", "==", "!=", "**"};
    const char *start = p->text + p->at;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (strncmp(start, two[i], 2) == 0) p->token.length = 2;
    if (p->token.length == 2 || strchr("<>=+-*/^(),", *start)) {
        p->token.kind = T_SYMBOL;
        p->at += p->token.length;
    }
}

/* Reads the next token into p->token. */
static cw_code next(parser *p) {
    while (p->text[p->at] == ' ' || (p->text[p->at] >= '\t' && p->text[p->at] <= '\r')) p->at++;
    char c = p->text[p->at];
    p->token = (token){T_BAD, p->at, 1, 0};
    if (c == '\0')
        p->token = (token){T_END, p->at, 0, 0};
    else if (is_digit(c) || (c == '.' && is_digit(p->text[p->at + 1])))
        return read_number(p);
    else if (is_letter(c))
        read_name(p);
    else if (c == '`')
        read_quoted(p);
    else
        read_symbol(p);
    return CW_OK;
}

static int token_is(const parser *p, const char *text) {
    return (p->token.kind == T_NAME || p->token.kind == T_SYMBOL) &&
           (size_t)p->token.length == strlen(text) &&
           memcmp(p->text + p->token.start, text, (size_t)p->token.length) == 0;
}

/* ---- program ---- */

/* There is room: no token makes more than one op, and the room is one op a byte. */
static void emit(parser *p, cw_opcode code, int32_t column, double number) {
    cw_expression *e = p->program;
    e->op[e->ops++] = (cw_op){code, column, number};
    p->waiting += 1 - cw_opcode_operands(code);
    if (p->waiting > e->stack) e->stack = p->waiting;
}

static cw_code parse_level(parser *p, int precedence);

static cw_code enter(parser *p) {
    if (++p->depth > CW_EXPRESSION_DEPTH)
        return fail_at(p, p->token.start, "split the expression into derived columns", "nested too deeply");
    return CW_OK;
}

/* One nested operand, counted towards the depth. */
static cw_code parse_nested(parser *p, int precedence) {
    CW_TRY(enter(p));
    CW_TRY(parse_level(p, precedence));
    p->depth--;
    return CW_OK;
}

static cw_code parse_column(parser *p) {
    memcpy(p->name, p->text + p->token.start, (size_t)p->token.length);
    p->name[p->token.length] = '\0';
    int32_t column = p->lookup(p->self, p->name);
    if (column < 0) {
        char problem[384];
        snprintf(problem, sizeof problem, "unknown column '%.*s'",
                 (int)whole_characters(p->name, p->token.length, 255), p->name);
        return fail_at(p, p->token.start, "use the name of a column of the data", problem);
    }
    emit(p, CW_OP_COLUMN, column, 0);
    return next(p);
}

static cw_code wrong_count(parser *p, const function *f) {
    char problem[128];
    if (f->most > 3)
        snprintf(problem, sizeof problem, "%s takes %d to %d arguments", f->name, (int)f->least,
                 (int)f->most);
    else
        snprintf(problem, sizeof problem, "%s takes %d argument%s", f->name, (int)f->least,
                 f->least == 1 ? "" : "s");
    return fail_at(p, p->token.start, f->code == CW_OP_IF ? "write: if(condition, a, b)" : NULL, problem);
}

/* From the '(' of a call to after its ')'. */
static cw_code parse_call(parser *p, const function *f) {
    CW_TRY(enter(p));
    int32_t count = 0;
    do {
        CW_TRY(next(p));
        if (count == 0 && token_is(p, ")")) return wrong_count(p, f);
        CW_TRY(parse_level(p, P_OR));
        count += 1;
        if (count > f->most || (count < f->least && token_is(p, ")"))) return wrong_count(p, f);
        if (f->most > 3 && count > 1) emit(p, f->code, 0, 0);
    } while (token_is(p, ","));
    if (!token_is(p, ")")) return expected(p, "',' or ')'");
    if (f->most <= 3) emit(p, f->code, 0, 0);
    p->depth--;
    return next(p);
}

/* A name is a function when '(' follows, else a column. */
static cw_code parse_name(parser *p) {
    int32_t after = p->at;
    while (p->text[after] == ' ') after++;
    int is_call = p->text[after] == '(';
    int is_reserved = token_is(p, "and") || token_is(p, "or") || token_is(p, "not");
    if (is_reserved) return expected(p, "a value");
    if (!is_call && token_is(p, "if")) {
        CW_TRY(next(p));
        return expected(p, "'(' after if");
    }
    if (!is_call) return parse_column(p);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!token_is(p, functions[i].name)) continue;
        CW_TRY(next(p));
        return parse_call(p, &functions[i]);
    }
    char problem[128];
    const char *name = p->text + p->token.start;
    snprintf(problem, sizeof problem, "unknown function '%.*s'",
             (int)whole_characters(name, p->token.length, 64), name);
    return fail_at(p, p->token.start, function_names, problem);
}

static cw_code parse_operand(parser *p) {
    if (p->token.kind == T_NUMBER) {
        emit(p, CW_OP_NUMBER, 0, p->token.number);
        return next(p);
    }
    if (p->token.kind == T_QUOTED) return parse_column(p);
    if (token_is(p, "not")) {
        CW_TRY(next(p));
        CW_TRY(parse_nested(p, P_NOT));
        emit(p, CW_OP_NOT, 0, 0);
        return CW_OK;
    }
    if (token_is(p, "-") || token_is(p, "+")) {
        int minus = token_is(p, "-");
        CW_TRY(next(p));
        CW_TRY(parse_nested(p, P_SIGN));
        if (minus) emit(p, CW_OP_NEGATE, 0, 0);
        return CW_OK;
    }
    if (p->token.kind == T_NAME) return parse_name(p);
    if (!token_is(p, "(")) return expected(p, "a number, a column, a function or '('");
    CW_TRY(next(p));
    CW_TRY(parse_nested(p, P_OR));
    if (!token_is(p, ")")) return expected(p, "an operator or ')'");
    return next(p);
}

static const binary_operator *find_operator(const parser *p) {
    for (size_t i = 0; i < sizeof binary_operators / sizeof *binary_operators; i++)
        if (token_is(p, binary_operators[i].text)) return &binary_operators[i];
    return NULL;
}

/* An operand and all operators after it that bind at least as tightly as `precedence`. */
static cw_code parse_level(parser *p, int precedence) {
    /* `not a = b` takes the comparison with it, so no tighter operator can follow a loose prefix. */
    int is_not = token_is(p, "not");
    if (is_not && precedence > P_NOT)
        return fail_at(p, p->token.start, "put parentheses around: not ...", "not cannot stand here");
    CW_TRY(parse_operand(p));
    int32_t comparisons = 0;
    for (;;) {
        const binary_operator *o = find_operator(p);
        if (!o || o->precedence < precedence) return CW_OK;
        if (o->precedence == P_COMPARE && comparisons++ > 0)
            return fail_at(p, p->token.start, "write: a < b and b < c", "comparisons cannot be chained");
        CW_TRY(next(p));
        if (o->precedence == P_POWER) /* from right to left, and 2^-1 is fine */
            CW_TRY(parse_nested(p, P_SIGN));
        else
            CW_TRY(parse_level(p, o->precedence + 1));
        emit(p, o->code, 0, 0);
    }
}

static cw_code list_columns(cw_expression *e) {
    CW_TRY(cw_alloc(e->env, (size_t)e->ops, sizeof *e->column, &e->column));
    for (int32_t i = 0; i < e->ops; i++) {
        if (e->op[i].code != CW_OP_COLUMN) continue;
        int32_t column = e->op[i].column, at = e->columns;
        while (at > 0 && e->column[at - 1] > column) at--;
        if (at > 0 && e->column[at - 1] == column) continue;
        memmove(e->column + at + 1, e->column + at, (size_t)(e->columns - at) * sizeof *e->column);
        e->column[at] = column;
        e->columns += 1;
    }
    return CW_OK;
}

static cw_code parse_all(parser *p) {
    CW_TRY(next(p));
    if (p->token.kind == T_END) return fail_at(p, 0, "write an expression like: age >= 18", "nothing there");
    CW_TRY(parse_level(p, P_OR));
    if (p->token.kind != T_END) return expected(p, "an operator or the end");
    return list_columns(p->program);
}

cw_code cw_expression_parse(cw_env *env, const char *what, const char *text, cw_name_lookup lookup,
                            void *self, cw_expression **out) {
    *out = NULL;
    size_t length = strlen(text);
    if (length > CW_EXPRESSION_BYTES)
        return cw_fail(env, CW_BAD_JOB, NULL, "split the expression into derived columns",
                       "%s: longer than %d bytes", what, (int)CW_EXPRESSION_BYTES);
    cw_expression *e = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *e, &e));
    e->env = env;
    cw_code code;
    CW_TRY_GOTO(code, cw_alloc(env, length + 1, sizeof *e->op, &e->op), done);
    parser p = {.env = env, .what = what, .text = text, .lookup = lookup, .self = self, .program = e};
    CW_TRY_GOTO(code, parse_all(&p), done);
    *out = e;
    return CW_OK;
done:
    cw_expression_destroy(&e);
    return code;
}
