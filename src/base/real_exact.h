/* Correctly rounded values from MPFR, for what is rarely called (microseconds each). */
#ifndef CW_BASE_REAL_EXACT_H
#define CW_BASE_REAL_EXACT_H

double cw_exact_sin(double x);
double cw_exact_cos(double x);

#endif
