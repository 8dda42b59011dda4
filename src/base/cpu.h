/* Which vector instructions the kernels may use. Results do not depend on it: only speed does. */
#ifndef CW_BASE_CPU_H
#define CW_BASE_CPU_H

typedef enum cw_cpu { CW_CPU_PLAIN, CW_CPU_AVX2, CW_CPU_AVX512 } cw_cpu;

/* What this CPU has (cpuid; AVX-512 means F, DQ and VL; AVX2 includes FMA). */
cw_cpu cw_cpu_found(void);

/* What the kernels use: the smaller of what is found and the limit. The limit is the process's one setting of
 * this kind: set once at start (CAUSEWAY_KERNELS=plain|avx2|avx512), or by a test that compares kernels. */
cw_cpu cw_cpu_level(void);
void cw_cpu_limit(cw_cpu limit);
const char *cw_cpu_name(cw_cpu level);

#endif
