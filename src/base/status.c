#include "status.h"

int cw_exit_code(cw_code code) {
    switch (code) {
#define CW_STATUS_EXIT(name, exit, text)                                                                     \
    case CW_##name:                                                                                          \
        return exit;
        CW_STATUS_LIST(CW_STATUS_EXIT)
#undef CW_STATUS_EXIT
    }
    return 70;
}

const char *cw_code_text(cw_code code) {
    switch (code) {
#define CW_STATUS_TEXT(name, exit, text)                                                                     \
    case CW_##name:                                                                                          \
        return text;
        CW_STATUS_LIST(CW_STATUS_TEXT)
#undef CW_STATUS_TEXT
    }
    return "unknown status";
}
