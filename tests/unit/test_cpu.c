/* The kernels' level: what is found, bounded by the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/cpu.h"

static void the_limit_bounds_what_is_found(void **state) {
    (void)state;
    cw_cpu found = cw_cpu_found();
    assert_int_equal(cw_cpu_level(), found);
    cw_cpu_limit(CW_CPU_PLAIN);
    assert_int_equal(cw_cpu_level(), CW_CPU_PLAIN);
    cw_cpu_limit(CW_CPU_AVX2);
    assert_int_equal(cw_cpu_level(), found < CW_CPU_AVX2 ? found : CW_CPU_AVX2);
    cw_cpu_limit(CW_CPU_AVX512);
    assert_int_equal(cw_cpu_level(), found);
}

static void names_are_those_of_the_override(void **state) {
    (void)state;
    assert_string_equal(cw_cpu_name(CW_CPU_PLAIN), "plain");
    assert_string_equal(cw_cpu_name(CW_CPU_AVX2), "avx2");
    assert_string_equal(cw_cpu_name(CW_CPU_AVX512), "avx512");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_bounds_what_is_found),
        cmocka_unit_test(names_are_those_of_the_override),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
