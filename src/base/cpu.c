#include "cpu.h"

static cw_cpu limit_of_process = CW_CPU_AVX512;

cw_cpu cw_cpu_found(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return CW_CPU_PLAIN;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return CW_CPU_AVX512;
    return CW_CPU_AVX2;
#else
    return CW_CPU_PLAIN;
#endif
}

cw_cpu cw_cpu_level(void) {
    cw_cpu found = cw_cpu_found();
    return found < limit_of_process ? found : limit_of_process;
}

void cw_cpu_limit(cw_cpu limit) {
    limit_of_process = limit;
}

const char *cw_cpu_name(cw_cpu level) {
    switch (level) {
    case CW_CPU_PLAIN:
        return "plain";
    case CW_CPU_AVX2:
        return "avx2";
    case CW_CPU_AVX512:
        return "avx512";
    }
    return "plain";
}
