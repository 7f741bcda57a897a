#ifndef QP_CPU_H
#define QP_CPU_H

int qp_has_avx2(void);
int qp_has_avx512(void);
int qp_has_vnni(void);
int qp_has_avx512_bf16(void);

#endif
