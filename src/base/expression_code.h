/* What a parsed expression is inside: a program for a stack machine whose stack holds columns of numbers. */
#ifndef CW_BASE_EXPRESSION_CODE_H
#define CW_BASE_EXPRESSION_CODE_H

#include "expression.h"

/* X(name in the enum, operands taken). Each leaves one result. */
#define CW_OPCODE_LIST(X)                                                                                    \
    X(NUMBER, 0)                                                                                             \
    X(COLUMN, 0)                                                                                             \
    X(NEGATE, 1)                                                                                             \
    X(NOT, 1)                                                                                                \
    X(ABS, 1)                                                                                                \
    X(CEIL, 1)                                                                                               \
    X(COS, 1)                                                                                                \
    X(EXP, 1)                                                                                                \
    X(FLOOR, 1)                                                                                              \
    X(LOG, 1)                                                                                                \
    X(LOG1P, 1)                                                                                              \
    X(SIN, 1)                                                                                                \
    X(SQRT, 1)                                                                                               \
    X(TANH, 1)                                                                                               \
    X(IS_MISSING, 1)                                                                                         \
    X(ADD, 2)                                                                                                \
    X(SUBTRACT, 2)                                                                                           \
    X(MULTIPLY, 2)                                                                                           \
    X(DIVIDE, 2)                                                                                             \
    X(POWER, 2)                                                                                              \
    X(LESS, 2)                                                                                               \
    X(LESS_EQUAL, 2)                                                                                         \
    X(GREATER, 2)                                                                                            \
    X(GREATER_EQUAL, 2)                                                                                      \
    X(EQUAL, 2)                                                                                              \
    X(NOT_EQUAL, 2)                                                                                          \
    X(AND, 2)                                                                                                \
    X(OR, 2)                                                                                                 \
    X(MAX, 2)                                                                                                \
    X(MIN, 2)                                                                                                \
    X(MOD, 2)                                                                                                \
    X(IF, 3)

typedef enum cw_opcode {
#define CW_OPCODE_ENUM(name, operands) CW_OP_##name,
    CW_OPCODE_LIST(CW_OPCODE_ENUM)
#undef CW_OPCODE_ENUM
} cw_opcode;

typedef struct cw_op {
    cw_opcode code;
    int32_t column; /* of CW_OP_COLUMN */
    double number;  /* of CW_OP_NUMBER */
} cw_op;

struct cw_expression {
    cw_env *env;
    int32_t ops, columns, stack; /* `stack`: the most results waiting at any moment */
    cw_op *op;
    int32_t *column; /* each once, ascending */
};

static inline int32_t cw_opcode_operands(cw_opcode code) {
    static const int8_t operands[] = {
#define CW_OPCODE_OPERANDS(name, count) count,
        CW_OPCODE_LIST(CW_OPCODE_OPERANDS)
#undef CW_OPCODE_OPERANDS
    };
    return operands[code];
}

#endif
