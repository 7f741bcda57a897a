int qp_placeholder;
