"""Which Coq lemmas of theory/formal state each theorem: plain data for the pages and the tests.

A name is File.lemma, in the library ICL. `NOT_FORMAL` says why a theorem has no lemma, `PARTLY`
what the lemmas of a theorem leave out.
"""


def of(**files: str) -> tuple[str, ...]:
    """File.lemma for each lemma named of each file."""
    return tuple(f"{file}.{name}" for file, names in files.items() for name in names.split())


LEMMAS: dict[str, tuple[str, ...]] = {
    "L1": of(
        LayerNorm=(
            "LN_sum LN_sq LN_norm_le LN_norm_lt LN_linear LN0_fixed LN_image LN_coord "
            "LN_coord_sharp LN_pair LN_pair_sharp LN_width1"
        ),
    ),
    "L2": of(
        Readout=(
            "ceiling ceiling_strict ceiling_attained floor_attained ceiling_sup ceiling_mutant "
            "RMS_ceiling DyT_ceiling"
        ),
        Certificate="cert_sound",
    ),
    "L3": of(
        Readout="LN_small ceiling_small",
    ),
    "L4": of(
        RayLimit="direction half_angle half_angle_le ray_limit",
        Cone="ray_limit_cone readout_cap theta_sine cap_length",
        LayerNorm="LN_affine",
    ),
    "L5": of(
        Sensitivity="LN_lipschitz LN_lipschitz_eps LN_lipschitz_sharp",
        Gain=(
            "LNa_lipschitz LNa_lipschitz_eps gain_largest LNa_lipschitz_sharp LNa_jump "
            "jacobian_derivative jacobian_size jacobian_radial jacobian_constant "
            "jacobian_width2"
        ),
        Norms=(
            "LN_twin RMSa_lipschitz RMSa_lipschitz_eps RMSa_lipschitz_sharp "
            "rms_jacobian_derivative DyT_lipschitz DyT_lipschitz_sharp"
        ),
    ),
    "L6": of(
        Sensitivity="readout_derivative gradient_sq speed_limit speed_limit_sharp",
    ),
    "S1": of(
        Softmax="softmax_weight softmax_weight_sharp softmax_mass softmax_shift",
    ),
    "S2": of(
        Softmax="hull hull_norm",
    ),
    "S3": of(
        Softmax="shrunken_hull shrunken_hull_sorted softmax_shrunken_hull",
        ShrunkenHull=(
            "shrunken_hull_upper shrunken_hull_lower step_value expectile expectile_attained"
        ),
    ),
    "S4": of(
        Softmax="dispersion dispersion_limit",
        AttentionScores="score_range normalised_dispersion sharp_context",
    ),
    "S5": of(
        Scores=(
            "normalised_stochastic hardmax_hull ssa_hull ssa_range linear_leaves_hull "
            "sigmoid_below_hull sigmoid_above_hull sigmoid_range"
        ),
    ),
    "S6": of(
        ShrunkenHull="sinh_bound sinh_sharp",
    ),
    "N1": of(
        Blocks="attn_adds mlp_adds run_adds",
        Network="resid_bound",
        ModelCertificate="certified_sound",
        Words="float32_value",
        HalfDiscs="half_disc_LN half_disc_RMS half_circle_reached half_disc_functional",
        Centred=(
            "first_attention first_attention_functional attn_apart attn_stacked mlp_centred "
            "mlp_energy run_together run_centred run_first"
        ),
    ),
    "N2": of(
        Network="transformer_plateau transformer_limit",
        FarQuery="far_prediction far_prediction_left",
        Blindness="transformer_cap",
        FarNorms="pre_run_bounded far_layernorm rms_cap rms_limit far_rms dyt_rate far_dyt",
    ),
    "N3": of(
        Blindness=(
            "context_spread context_spread_cap context_spread_left two_functions_far "
            "average_error_far"
        ),
        Cone="readout_spread_sharp",
        Network="transformer_blind transformer_two_functions",
        FarQuery="no_far_icl",
    ),
    "N4": of(
        Saturation="value_cauchy value_limit value_limit_left every_value_saturates",
    ),
    "N5": of(
        AttentionScores="softmax_l1 score_lipschitz pattern_lipschitz",
        Lipschitz="attn_steady mlp_steady soft_steady run_steady slope_everywhere",
        SlopeCap="unit_gap ray_difference slope_cap",
    ),
    "N6": of(
        SignCollapse="layer_forgets attention_forgets sign_collapse",
    ),
    "N7": of(
        NoFinalNorm="fixed_slope slope_lost slope_limit",
    ),
    "N8": of(
        Blindness="price_of_range price_of_degree",
    ),
    "N9": of(
        Functional="functional_identity functional_enclosure",
        Circuits="attn_felt mlp_felt tangent functional_blindness functional_spread",
        Walls="token_behind_wall scaled_behind_wall average_behind_wall cut_ball best_multiple",
    ),
    "G1": of(
        Growth=(
            "grows_sound grows_attention grows_activation grows_LN grows_final_norm "
            "softmax_network_degree linear_network_degree linear_degree_attained"
        ),
    ),
    "G2": of(
        Envelope="attn_grows mlp_grows stack_envelope affine_envelope quadratic_lost",
        Polynomials="linear_growth_loses",
    ),
    "G3": of(
        ExtremeToken="softmax_gap extreme_token extreme_token_min",
        OneLayer="one_layer_slope line_limit lines_half_lost lines_all_lost",
        AnyLayer="any_layer_slope any_layer_bound",
        ExtremeBound=(
            "lambert softmax_extreme softmax_extreme_sharp hardmax_extreme extreme_bound "
            "hardmax_bound"
        ),
        ExtremeRate="same_ends_missed lines_missed uniform_rate",
        Lehmer="ssa_lehmer ssa_layer_slope",
    ),
    "G4": of(
        NoScale="form_misses form_sharp product_is_no_form finitely_many_forms no_free_scale",
        Lined="relu_lined leaky_lined silu_lined gelu_lined sigmoid_lined id_lined",
        Fast="softmax_fast",
        Cells="expansion covers_trend",
        Roots="plane_thin thin_avoided",
        Layers="network_keeps",
        FreeScale=(
            "polynomial_cells affine_cells finitely_many_cells almost_all_lost "
            "lost_from_some_scale one_scale_is_free"
        ),
    ),
    "G5": of(
        Table="norm_cell bounded_cell prenorm_cell two_slopes_lost limit_misses",
    ),
    "G6": of(
        Pairing="any_layer_blind pairing_blind pairing_lost one_head_lost",
    ),
    "P1": of(
        Polynomials="cauchy_radius band_radius",
        FailureRadius="outside_beyond_roots failure_radius no_smaller_radius",
    ),
    "P2": of(
        Polynomials="band_floor",
        FarQuery="pointwise_floor",
    ),
    "P3": of(
        Polynomials="excess_split error_floor clipped_attains floor_ratio error_ratio",
    ),
    "P4": of(
        Polynomials="points_determine points_predict fewer_do_not",
        ExactLearners=(
            "interpolation least_squares posterior_density bayes_likeliest bayes_answer "
            "bayes_exact uniform_no_posterior"
        ),
        Chebyshev="cheb_cosh chebyshev_nodes chebyshev_bound chebyshev_attained",
    ),
    "F1": (),
    "F2": (),
    "W1": of(
        Equivariant="wrapper_equivariant wrapper_transfer polynomials_closed wrapper_ceiling",
    ),
    "W2": of(
        Equivariant=(
            "layer_homogeneous predict_homogeneous error_homogeneous relu_homogeneous bias_breaks"
        ),
    ),
}

NOT_FORMAL: dict[str, str] = {
    "F1": "rounding: kept in ball arithmetic, Coq would need Flocq",
    "F2": "overflow: kept in ball arithmetic, Coq would need Flocq",
}

# What the lemmas of a theorem leave out of its statement.
PARTLY: dict[str, str] = {
    "S4": "the score range uses norms; its exact value (a trust region) is left to ball arithmetic",
    "N5": "as a two-point bound; eps enters by sqrt(R_tot² + d eps), not by d eps alone",
    "G2": "the slope uses Frobenius norms",
    "G4": "hardmax scores, GELU by erf and the share (ii) are left out",
    "G5": "the linear forms of the cells without LayerNorm leave out what G4 does",
    "P3": "for finitely many prompts; the integrals are kept in ball arithmetic",
}
