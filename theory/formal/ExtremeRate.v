(* G3 for every context: answers of one layer of softmax attention to prompts of one query and the same extreme tokens are close (G3'),
   and y(tau z)/tau meets its limit at rate 1/tau, uniformly in the context. *)
From ICL Require Export ExtremeBound.

Section Rate.
Variables (d dh H : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (w_in b_in w : vec) (pos : nat -> vec) (b0 : R).
Local Notation answer := (one_layer d dh H WQ WK OV bQ bK bV w_in b_in w pos b0).
Local Notation A := (score_sign d dh WQ WK w_in).
Local Notation gain := (head_gain d OV w_in w).
Local Notation tilt := (tilt d dh WQ WK bQ w_in b_in pos).
Local Notation position_noise := (position_noise d dh WQ WK bQ bK w_in b_in pos).
Local Notation position_value := (position_value d OV bV b_in w pos).
Local Notation form := (form d dh H WQ WK OV bQ w_in b_in w pos b0).
Local Notation slack := (slack d dh H WQ WK OV bQ w_in b_in w pos).
Local Notation bound := (extreme_bound d dh H WQ WK OV bQ bK bV w_in b_in w pos b0).
(* G3': two prompts of one query and the same ends get answers this close, so of two functions one is missed by half their distance *)
Definition fits (z : nat -> R) T (P V low high : vec) := forall k, (k < H)%nat ->
  tilt k z T <> 0 /\ 0 <= V k /\ INR T * exp (P k - 1) <= V k * exp (V k) /\
  (forall i j, (i <= T)%nat -> (j <= T)%nat -> position_noise k z T j - position_noise k z T i <= P k) /\
  (forall j, (j <= T)%nat -> low k <= position_value k j <= high k).
Theorem same_ends_missed z z' T hi lo hi' lo' P V low high f f' : fits z T P V low high ->
  (hi <= T)%nat -> (lo <= T)%nat -> (forall j, (j <= T)%nat -> z lo <= z j <= z hi) ->
  (hi' <= T)%nat -> (lo' <= T)%nat -> (forall j, (j <= T)%nat -> z' lo' <= z' j <= z' hi') ->
  z' T = z T -> z' hi' = z hi -> z' lo' = z lo ->
  Rabs (f - f') - (sum H high - sum H low + 2 * slack z T V) <= 2 * Rmax (Rabs (answer z T - f)) (Rabs (answer z' T - f')).
Proof.
  intros F Hh Hl Hz Hh' Hl' Hz' ET Eh El.
  assert (Tl : forall k, tilt k z' T = tilt k z T) by (intros; unfold ExtremeBound.tilt; now rewrite ET).
  assert (Ns : forall k j, position_noise k z' T j = position_noise k z T j) by (intros; unfold ExtremeBound.position_noise; now rewrite ET).
  assert (Ef : form z' T hi' lo' = form z T hi lo).
  { unfold ExtremeBound.form. rewrite ET. do 3 f_equal. apply sum_ext. intros k _. unfold extreme_end. now rewrite Tl, Eh, El. }
  assert (Es : slack z' T V = slack z T V) by (apply sum_ext; intros; now rewrite Tl).
  assert (B1 : form z T hi lo + sum H low - slack z T V <= answer z T <= form z T hi lo + sum H high + slack z T V)
    by (apply (bound z T hi lo P V low high); auto; intros k; intros; destruct (F k) as (F1 & F2 & F3 & F4 & F5); auto).
  assert (B2 : form z' T hi' lo' + sum H low - slack z' T V <= answer z' T <= form z' T hi' lo' + sum H high + slack z' T V).
  { apply (bound z' T hi' lo' P V low high); auto; intros k; intros; rewrite ?Tl, ?Ns; destruct (F k) as (F1 & F2 & F3 & F4 & F5); auto. }
  rewrite Ef, Es in B2. set (y := answer z T) in *. set (y' := answer z' T) in *.
  pose proof (Rmax_l (Rabs (y - f)) (Rabs (y' - f'))). pose proof (Rmax_r (Rabs (y - f)) (Rabs (y' - f'))).
  pose proof (Rabs_triang (- (y - f)) (y - y' + (y' - f'))) as T1. pose proof (Rabs_triang (y - y') (y' - f')) as T2.
  rewrite Rabs_Ropp in T1. replace (- (y - f) + (y - y' + (y' - f'))) with (f - f') in T1 by ring.
  assert (Rabs (y - y') <= sum H high - sum H low + 2 * slack z T V) by (apply Rabs_le; lra). lra.
Qed.
(* f = a x and f = a' x where neither leaves the range of the inputs: 0 and x for inputs of both signs, x and -x for symmetric ones *)
Theorem lines_missed n x xq hi lo a a' P V low high : fits (line_prompt n x xq 1) (2 * n) P V low high ->
  (hi <= 2 * n)%nat /\ Nat.even hi = true -> (lo <= 2 * n)%nat /\ Nat.even lo = true ->
  (forall j, (j <= 2 * n)%nat -> Nat.even j = true -> line_prompt n x xq 1 lo <= line_prompt n x xq 1 j <= line_prompt n x xq 1 hi) ->
  (forall u, line_prompt n x xq 1 lo <= u <= line_prompt n x xq 1 hi -> line_prompt n x xq 1 lo <= a * u <= line_prompt n x xq 1 hi) ->
  (forall u, line_prompt n x xq 1 lo <= u <= line_prompt n x xq 1 hi -> line_prompt n x xq 1 lo <= a' * u <= line_prompt n x xq 1 hi) ->
  Rabs (a * xq - a' * xq) - (sum H high - sum H low + 2 * slack (line_prompt n x xq 1) (2 * n) V)
    <= 2 * Rmax (Rabs (answer (line_prompt n x xq a) (2 * n) - a * xq)) (Rabs (answer (line_prompt n x xq a') (2 * n) - a' * xq)).
Proof.
  intros F [Hh Eh] [Hl El] He Ha Ha'. set (z := line_prompt n x xq) in *.
  assert (In : forall c, (forall u, z 1 lo <= u <= z 1 hi -> z 1 lo <= c * u <= z 1 hi) ->
    forall j, (j <= 2 * n)%nat -> z c lo <= z c j <= z c hi).
  { intros c Hc j Hj. unfold z. rewrite (same_x n x xq c hi), (same_x n x xq c lo) by auto. fold z.
    destruct (Nat.even j) eqn:Ej; [unfold z; rewrite (same_x n x xq c j) by auto; now apply He|].
    destruct (value_token n x xq c j Hj Ej) as [i [Hi Ei]]. fold z in Ei. rewrite Ei. apply Hc, He; auto. now rewrite Nat.even_mul. }
  assert (Tt : forall c, z c (2 * n)%nat = z 1 (2 * n)%nat) by (intros; unfold z; now rewrite !last_token).
  assert (Ft : fits (z a) (2 * n) P V low high).
  { intros k Hk. destruct (F k Hk) as [F1 [F2 [F3 [F4 F5]]]]. unfold ExtremeBound.tilt, position_noise in *. rewrite !Tt. auto. }
  replace (slack (z 1) (2 * n) V) with (slack (z a) (2 * n) V) by (apply sum_ext; intros; unfold ExtremeBound.tilt; now rewrite Tt).
  apply (same_ends_missed (z a) (z a') (2 * n) hi lo hi lo P V low high); auto; try (apply In; auto); try (now rewrite !Tt);
    unfold z; rewrite (same_x n x xq a), (same_x n x xq a'); auto.
Qed.


(* ------------------------------------------------------------------ the rate *)
Lemma crude_lambert N P : 0 <= N -> 0 <= P -> N * exp (P - 1) <= (N + P) * exp (N + P).
Proof.
  intros HN HP. apply Rle_trans with (N * exp (N + P)); [apply Rmult_le_compat_l; [auto|apply exp_le; lra]|].
  apply Rmult_le_compat_r; [left; apply exp_pos|lra].
Qed.
Theorem uniform_rate T zq : zq <> 0 -> (forall k, (k < H)%nat -> A k <> 0) -> exists K T0, forall z hi lo tau, z T = zq ->
  (hi <= T)%nat -> (lo <= T)%nat -> (forall j, (j <= T)%nat -> z lo <= z j <= z hi) -> T0 <= tau ->
  Rabs (answer (fun t => tau * z t) T / tau - slope d dh H WQ WK OV w_in w z T hi lo) <= K / tau.
Proof.
  intros Hq HA. set (q k := add (mv d (WQ k) (add b_in (pos T))) (bQ k)). set (key k j := add (mv d (WK k) (add b_in (pos j))) (bK k)).
  set (B k := dot dh (q k) (mv d (WK k) w_in) / sqrt (INR dh)). set (c k j := zq * (dot dh (mv d (WQ k) w_in) (key k j) / sqrt (INR dh))).
  set (e k j := dot dh (q k) (key k j) / sqrt (INR dh)). set (N k := 2 * sum (S T) (fun j => Rabs (c k j) + Rabs (e k j))).
  set (aq k := Rabs (A k * zq)). set (M k := 2 * (INR T + N k) / aq k). set (Rv k := sum (S T) (fun j => Rabs (position_value k j))).
  set (c0 := dot d w (add b_in (pos T)) + b0). set (T1 := sum H (fun k => 2 * Rabs (B k) / aq k)).
  assert (Paq : forall k, (k < H)%nat -> 0 < aq k) by (intros; apply Rabs_pos_lt, Rmult_integral_contrapositive_currified; auto).
  assert (N0 : forall k, 0 <= N k).
  { intros. apply Rmult_le_pos; [lra|]. apply sum_nonneg. intros j _. pose proof (Rabs_pos (c k j)). pose proof (Rabs_pos (e k j)). lra. }
  exists (Rabs c0 + sum H Rv + sum H (fun k => Rabs (gain k) * M k)), (1 + T1). intros z hi lo tau Hz Hh Hl He Ht.
  assert (T1k : forall k, (k < H)%nat -> 0 <= 2 * Rabs (B k) / aq k <= T1).
  { assert (G : forall k, (k < H)%nat -> 0 <= 2 * Rabs (B k) / aq k).
    { intros k Hk. apply Rmult_le_pos; [pose proof (Rabs_pos (B k)); lra|left; now apply Rinv_0_lt_compat, Paq]. }
    intros k Hk. split; auto. now apply (sum_term H (fun k => 2 * Rabs (B k) / aq k)). }
  assert (P1 : 1 <= tau).
  { assert (0 <= T1); [|lra]. apply sum_nonneg. intros k Hk. now apply T1k. }
  assert (Sm : forall k, (k < H)%nat -> 2 * Rabs (B k) < tau * aq k).
  { intros k Hk. specialize (T1k k Hk). specialize (Paq k Hk). assert (L : 2 * Rabs (B k) / aq k < tau) by lra.
    apply (Rmult_lt_compat_r (aq k)) in L; auto. unfold Rdiv in L. rewrite Rmult_assoc, Rinv_l in L by lra. lra. }
  assert (Tl : forall k, tilt k (fun t => tau * z t) T = tau * (A k * zq) + B k).
  { intros. unfold ExtremeBound.tilt. rewrite Hz. fold (q k). fold (B k). ring. }
  assert (Big : forall k, (k < H)%nat -> tau * aq k / 2 <= Rabs (tilt k (fun t => tau * z t) T)).
  { intros k Hk. rewrite Tl. specialize (Sm k Hk). pose proof (Rabs_triang (tau * (A k * zq) + B k) (- B k)) as Tr. rewrite Rabs_Ropp in Tr.
    replace (tau * (A k * zq) + B k + - B k) with (tau * (A k * zq)) in Tr by ring. rewrite Rabs_mult, (Rabs_right tau) in Tr by lra.
    fold (aq k) in Tr. lra. }
  assert (End : forall k, (k < H)%nat -> extreme_end (tilt k (fun t => tau * z t) T) (fun t => tau * z t) hi lo
    = tau * extreme_of d dh WQ WK w_in z T hi lo k).
  { intros k Hk. unfold extreme_end, extreme_of. rewrite Tl, Hz. specialize (Sm k Hk). pose proof (Rle_abs (B k)).
    pose proof (Rle_abs (- B k)) as Bm.
    rewrite Rabs_Ropp in Bm. unfold aq in Sm. pose proof (Rabs_pos (B k)).
    destruct (Rle_dec 0 (A k * zq)) as [Q|Q]; [rewrite (Rabs_right (A k * zq)) in Sm by lra|rewrite (Rabs_left (A k * zq)) in Sm by lra];
    destruct (Rlt_dec 0 (tau * (A k * zq) + B k)), (Rlt_dec 0 (A k * zq)); try reflexivity; nra. }
  set (P k := tau * N k). set (V k := INR T + tau * N k).
  assert (PN : forall k, 0 <= P k) by (intros; unfold P; specialize (N0 k); nra).
  assert (Bd : form (fun t => tau * z t) T hi lo + sum H (fun k => - Rv k) - slack (fun t => tau * z t) T V <= answer (fun t => tau * z t) T
    <= form (fun t => tau * z t) T hi lo + sum H Rv + slack (fun t => tau * z t) T V).
  { apply (bound (fun t => tau * z t) T hi lo P V (fun k => - Rv k) Rv Hh Hl).
    - intros j Hj. specialize (He j Hj). nra.
    - intros k Hk E. specialize (Big k Hk). rewrite E, Rabs_R0 in Big. specialize (Paq k Hk). nra.
    - intros k i j Hk Hi Hj. assert (G : forall l, (l <= T)%nat -> Rabs (position_noise k (fun t => tau * z t) T l) <= tau * (N k / 2)).
      { intros l Hl'. replace (position_noise k (fun t => tau * z t) T l) with (tau * c k l + e k l).
        - eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_right tau) by lra.
          pose proof (sum_term (S T) (fun j => Rabs (c k j) + Rabs (e k j)) l) as St. cbv beta in St.
          specialize (St ltac:(intros j' _; pose proof (Rabs_pos (c k j')); pose proof (Rabs_pos (e k j')); lra) ltac:(lia)).
          pose proof (Rabs_pos (e k l)). unfold N. nra.
        - unfold ExtremeBound.position_noise. rewrite Hz. unfold c, e, q, key. ring. }
      pose proof (G i Hi) as Gi. pose proof (G j Hj) as Gj. apply abs_inv in Gi, Gj. unfold P. lra.
    - intros k Hk. specialize (PN k). pose proof (pos_INR T). unfold V. fold (P k). split; [lra|]. now apply crude_lambert.
    - intros k j Hk Hj. apply abs_inv. apply (sum_term (S T) (fun j => Rabs (position_value k j)) j); [|lia]. intros. apply Rabs_pos. }
  assert (Ef : form (fun t => tau * z t) T hi lo = tau * slope d dh H WQ WK OV w_in w z T hi lo + c0).
  { unfold ExtremeBound.form, slope, c0.
    rewrite (sum_ext H (fun k => gain k * extreme_end _ _ _ _) (fun k => tau * (gain k * extreme_of d dh WQ WK w_in z T hi lo k))).
    - rewrite sum_scal. ring.
    - intros k Hk. rewrite End by auto. ring. }
  assert (Sl : slack (fun t => tau * z t) T V <= sum H (fun k => Rabs (gain k) * M k)).
  { apply sum_le. intros k Hk. apply Rmult_le_compat_l; [apply Rabs_pos|]. specialize (Big k Hk). specialize (Paq k Hk). specialize (N0 k).
    pose proof (pos_INR T).
    apply Rle_trans with (V k / (tau * aq k / 2)).
    - apply Rmult_le_compat_l; [unfold V; nra|]. apply Rinv_le_contravar; nra.
    - unfold V, M. apply Rmult_le_reg_r with (tau * aq k); [nra|].
      replace ((INR T + tau * N k) / (tau * aq k / 2) * (tau * aq k)) with (2 * (INR T + tau * N k)) by (field; lra).
      replace (2 * (INR T + N k) / aq k * (tau * aq k)) with (2 * (tau * INR T + tau * N k)) by (field; lra). nra. }
  rewrite (sum_ext H (fun k => - Rv k) (fun k => -1 * Rv k)), sum_scal, Ef in Bd by (intros; ring). set (y := answer _ T) in *.
  set (L := slope _ _ _ _ _ _ _ _ _ _ _ _) in *.
  replace (y / tau - L) with ((y - tau * L) * / tau) by (field; lra).
  rewrite Rabs_mult, (Rabs_right (/ tau)) by (apply Rle_ge; left; apply Rinv_0_lt_compat; lra).
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|]. apply Rabs_le. pose proof (Rle_abs c0) as Cp.
  pose proof (Rle_abs (- c0)) as Cm. rewrite Rabs_Ropp in Cm.
  clear - Bd Sl Cp Cm. lra.
Qed.
End Rate.
