/* The normal distribution. Upper tail: Q(x) = exp(-x^2/2) R(x), R the Mills ratio over sqrt(2 pi), smooth and
 * slow: (x + 4) R(x) is a Chebyshev series in t = (x - 4) / (x + 4) for all x >= 0 (Schonfelder 1978, Math.
 * Comp. 32, 1232, gives the form). Quantile: ratios of polynomials of degree 7 in three ranges, as Wichura
 * (1988, Applied Statistics 37, 477) divides them. The coefficients are fits made for this file at 60 digits:
 * they are exact to 1e-17 (tail) and 1e-16 (quantile). */
#include "distribution.h"
#include "real.h"
#include "real_core.h"

/* exp(x^2/2) P(X > x), x >= 0. */
static double mills(double x) {
    static const double c[] = {
        0x1.f0defaf3f340fp-1,   -0x1.80dffa60e1b1dp-1,  0x1.c70d6a380ea91p-3,   -0x1.8d751a70edad5p-5,
        0x1.c5e5aa06abb51p-8,   -0x1.502bff672b0ecp-12, -0x1.a5b9f08f7db9dp-14, 0x1.3d255a0a93303p-16,
        0x1.0f37324cef4cap-20,  -0x1.49ecd6717db23p-21, -0x1.d0af11e7df528p-29, 0x1.6364397fe6cc4p-26,
        -0x1.f036d2e3bb17ap-34, -0x1.ab6189ab290c9p-31, -0x1.5dc863792f547p-37, 0x1.173b004b64293p-35,
        0x1.034e5cd2d6cebp-39,  -0x1.7189a6cce2779p-40, -0x1.8828bb063bbcep-43, 0x1.ba02090310982p-45,
        0x1.d1e6f7f5a1787p-47,  -0x1.5f156edc94ca6p-50, -0x1.d02cb8b1aece5p-51, -0x1.07d58223a74e6p-55,
        0x1.7632b9ac0e68ap-55,  0x1.027d9597f93e8p-57,  -0x1.8b6702f42845ep-60};
    double t = (x - 4.0) / (x + 4.0);
    double next = 0, after = 0; /* Clenshaw's recurrence */
    for (int i = (int)(sizeof c / sizeof *c) - 1; i > 0; i--) {
        double b = 2 * t * next - after + c[i];
        after = next;
        next = b;
    }
    return (t * next - after + c[0]) / (x + 4.0);
}

/* exp(-x^2/2), the square in two pieces. */
static double density_shape(double x) {
    double square = x * x;
    double low = fma(x, x, -square);
    return cw_exp(-0.5 * square) * (1.0 - 0.5 * low);
}

double cw_normal_upper(double x) {
    if (x != x) return x + x;
    if (x == 0) return 0.5;
    double a = fabs(x);
    double tail = a > 40 ? 0.0 : density_shape(a) * mills(a);
    return x > 0 ? tail : 1.0 - tail;
}

double cw_normal_cdf(double x) {
    return cw_normal_upper(-x);
}

double cw_normal_log_upper(double x) {
    if (x != x) return x + x;
    if (x == (double)INFINITY) return -(double)INFINITY;
    if (x > 0) return -0.5 * x * x + cw_ln(mills(x));
    return cw_log1p(-cw_normal_upper(-x));
}

static double ratio(const double p[8], const double q[8], double r) {
    double top = p[7], bottom = q[7];
    for (int i = 6; i >= 0; i--) {
        top = top * r + p[i];
        bottom = bottom * r + q[i];
    }
    return top / bottom;
}

double cw_normal_quantile(double p) {
    static const double central[2][8] = {
        {0x1.b18d91e9eef75p+1, 0x1.0a42e175c70c0p+7, 0x1.eccebdb518fa6p+10, 0x1.acfc2620afa6dp+13,
         0x1.669a8032b682ep+15, 0x1.0697922956b49p+16, 0x1.04f53f6ab292dp+15, 0x1.394c17d8da228p+11},
        {0x1.0000000000000p+0, 0x1.527b066e4bb47p+5, 0x1.57890e194e4acp+9, 0x1.510af954b9bd9p+12,
         0x1.4b541dc390e84p+14, 0x1.32eaca2358a00p+15, 0x1.c08d03e2702cdp+14, 0x1.46565f5a069c4p+12}};
    static const double middle[2][8] = {
        {0x1.6c665fde9526bp+0, 0x1.288c52e2e4709p+2, 0x1.71e1d641e334bp+2, 0x1.d4567cefcbd48p+1,
         0x1.46b100ebb189ep+0, 0x1.f2044f8d5cc53p-3, 0x1.76b96b5ebf06bp-6, 0x1.98a6dbca2722ep-11},
        {0x1.0000000000000p+0, 0x1.0719441f28a4fp+1, 0x1.ae3da9424d998p+0, 0x1.62a03eef5f871p-1,
         0x1.310717808937cp-3, 0x1.f544731995f6ep-7, 0x1.20e97672a7d73p-11, 0x1.20e7f705b4e9ap-30}};
    static const double far[2][8] = {
        {0x1.aa1b1c13ee527p+2, 0x1.5d8d0066c1e4bp+2, 0x1.c8855a0d3e9e2p+0, 0x1.2f38281f5b4a5p-2,
         0x1.b1aa0ef8c7910p-6, 0x1.4493865e6380ep-10, 0x1.c479e6072a09ep-16, 0x1.ac4f1521887acp-23},
        {0x1.0000000000000p+0, 0x1.32f4c5f954d9cp-1, 0x1.1818ffaa285dcp-3, 0x1.e6669cb806524p-7,
         0x1.9b219bd5f0816p-11, 0x1.341fd2434e45dp-16, 0x1.2edbb0efb4c6dp-23, 0x1.20199a7395b3fp-49}};
    if (!(p >= 0 && p <= 1)) return (double)NAN;
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(central[0], central[1], 0.180625 - q * q);
    double tail = q < 0 ? p : 1.0 - p;
    if (tail == 0) return copysign((double)INFINITY, q);
    double r = sqrt(-cw_ln(tail));
    double x = r <= 5 ? ratio(middle[0], middle[1], r - 1.6) : ratio(far[0], far[1], r - 5.0);
    return copysign(x, q);
}
