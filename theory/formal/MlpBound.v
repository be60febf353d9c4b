(* Kernel-checked bound of what an MLP adds to the stream, in |P .|, for every activation between u/2 and max(0, u) (ReLU, GELU in
   both forms, SiLU): slope 1/2 for every unit (N1), the norm of the linear part as the product of both certified norms. *)
From ICL Require Export Bounds.
Require Import ZArith List.
Import ListNotations.

Record mlp_z := { g_m : list Z; b_m : list Z; w1 : list (list Z); b1_m : list Z; w2 : list (list Z); b2_m : list Z }.

Section MlpBound.
Variables K t q : Z.                                        (* bits of the weights, of vectors, of the Gram matrices *)
Hypothesis bits : (0 < q <= t /\ t < K)%Z.
Local Notation to := (to t).
Definition mlp_block (act : R -> R) M : block :=
  Mlp (vl K (g_m M)) (vl K (b_m M)) (length (w1 M)) (ml K (w1 M)) (vl K (b1_m M)) act (ml K (w2 M)) (vl K (b2_m M)).

Section OneMlp.
Variables (M : mlp_z) (extra1 extra2 : list (list Z)).                     (* completions of the two factors *)
Let d := length (g_m M).
Let m := length (w1 M).
Definition mlp_fits := ((0 <? length (g_m M))%nat && (length (b_m M) =? length (g_m M))%nat && widths (length (g_m M)) (w1 M) && (length (b1_m M) =? length (w1 M))%nat
  && (length (w2 M) =? length (g_m M))%nat && widths (length (w1 M)) (w2 M) && (length (b2_m M) =? length (g_m M))%nat
  && (length extra1 =? length (g_m M))%nat && widths (length (hd [] extra1)) extra1
  && (length extra2 =? length (g_m M))%nat && widths (length (hd [] extra2)) extra2)%bool.

(* ------------------------------------------------------------------ the output factor: |P W2 v| *)
Definition down_rows := centred (length (w1 M)) (rounded K q (w2 M)).
Definition down_top := (to q (spectral down_rows extra2) + to (q + 1) (side (length (g_m M)) (length (w1 M))))%Z.
Lemma down_ok v : mlp_fits = true -> norm d (P d (fun i => sum m (fun k => v k * ml K (w2 M) i k))) <= dy t down_top * norm m v.
Proof.
  unfold mlp_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros [[[[[[[[[[Hd _] _] _] L2] W2ok] _] _] _] Le] Wx].
  apply Nat.ltb_lt in Hd. fold d in Hd, L2, Le. fold m in W2ok.
  set (rows := rounded K q (w2 M)). set (c := vl q (columns_mean m rows)).
  assert (Wr : widths m rows = true) by now apply rounded_widths. assert (Lr : length rows = d) by (unfold rows, rounded; rewrite map_length; auto).
  eapply Rle_trans; [apply (norm_P_shift d _ (dot m c v) Hd)|].
  set (A := fun i k => ml K (w2 M) i k - c k). set (B := ml q down_rows).
  assert (Ev : forall i, sum m (fun k => v k * ml K (w2 M) i k) - dot m c v = mv m A v i).
  { intros i. replace (sum m (fun k => v k * ml K (w2 M) i k) - dot m c v) with (1 * sum m (fun k => v k * ml K (w2 M) i k) + -1 * sum m (fun k => c k * v k)) by (unfold dot; ring).
    rewrite <- sum_lin. apply sum_ext. intros. unfold A. ring. }
  rewrite (norm_ext d _ (mv m A v)) by (intros; apply Ev).
  eapply Rle_trans; [apply (norm_near d (mv m A v) (mv m B v))|]. unfold down_top. fold d m. rewrite dy_add, Rmult_plus_distr_r.
  apply Rplus_le_compat.
  - assert (Lm : length down_rows = d) by (unfold down_rows, centred, rounded; rewrite !map_length; auto).
    pose proof (spectral_ok q m (length (hd [] extra2)) down_rows extra2 v ltac:(lia) ltac:(congruence) (centred_widths m _ Wr) Wx) as S. rewrite Lm in S.
    eapply Rle_trans; [exact S|]. apply Rmult_le_compat_r; [apply norm_pos|]. apply to_ok; lia.
  - eapply Rle_trans; [apply (near_matrix d m A B (ulp q) v); [left; apply ulp_pos; lia|]|].
    + intros i j Hi Hj. unfold A, B, down_rows. fold m rows. rewrite centred_entry by (auto; lia). fold c.
      replace (ml K (w2 M) i j - c j - (ml q rows i j - c j)) with (ml K (w2 M) i j - ml q rows i j) by ring. apply rounded_entry. lia.
    + apply Rmult_le_compat_r; [apply norm_pos|]. rewrite ulp_dy by lia. eapply Rle_trans; [|apply to_ok; lia]. right. unfold dy, Rdiv. ring.
Qed.

(* ------------------------------------------------------------------ the input factor: |W1 (g*z)| on zero-sum z *)
Definition up_row r := map (near (t + t) q) (zip Z.mul (map (near K t) r) (map (near K t) (g_m M))).
Definition up_columns := centred (length (w1 M)) (transpose (length (g_m M)) (map up_row (w1 M))).
Definition up_fuzz := fold_right Z.max 0%Z (map (fun r => fuzz (maxabs (map (near K t) r)) (maxabs (map (near K t) (g_m M)))) (w1 M)).
Definition up_top := let s := side (length (w1 M)) (length (g_m M)) in (to q (spectral up_columns extra1) + to (2 * t + 2) (s * up_fuzz) + to (q + 1) s)%Z.
Lemma up_ok z : mlp_fits = true -> sum d z = 0 -> norm m (fun k => dot d (ml K (w1 M) k) (mul (vl K (g_m M)) z)) <= dy t up_top * norm d z.
Proof.
  unfold mlp_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros [[[[[[[[[[Hd _] W1ok] _] _] _] _] Le] Wx] _] _] Hz.
  apply Nat.ltb_lt in Hd. fold d in Hd, W1ok, Le. set (rows := map up_row (w1 M)).
  assert (Lrow : forall r, In r (w1 M) -> length (up_row r) = d).
  { intros r Hr. unfold up_row. assert (Lr : length r = d) by now apply (widths_in d (w1 M)). rewrite map_length, length_zip; rewrite !map_length; auto. }
  assert (Wr : widths d rows = true).
  { unfold widths. rewrite forallb_forall. intros r Hr. apply in_map_iff in Hr. destruct Hr as [r0 [<- Hr]]. apply Nat.eqb_eq. auto. }
  assert (Lr : length rows = m) by (unfold rows; rewrite map_length; auto).
  set (cols := transpose d rows). assert (Lc : length cols = d) by now apply length_transpose.
  assert (Wc : widths m cols = true) by (rewrite <- Lr; now apply transpose_widths).
  set (N := fun k j => ml K (w1 M) k j * vl K (g_m M) j). set (B := ml q rows).
  assert (Nk : forall k, (k < m)%nat -> nth k rows [] = up_row (nth k (w1 M) [])).
  { intros k Hk. unfold rows. rewrite (nth_indep _ [] (up_row [])) by (rewrite map_length; auto). apply map_nth. }
  rewrite (norm_ext m _ (mv d N z)) by (intros; unfold mv, dot, N; apply sum_ext; intros; unfold mul; ring).
  eapply Rle_trans; [apply (norm_near m _ (mv d B z))|].
  set (e := dy (2 * t + 2) up_fuzz + ulp q).
  assert (F0 : 0 <= dy (2 * t + 2) up_fuzz) by (rewrite <- (dy_0 (2 * t + 2)); apply dy_le; [lia|apply max_pos]). pose proof (ulp_pos q ltac:(lia)) as Uq.
  assert (Near : norm m (add (mv d N z) (scal (-1) (mv d B z))) <= IZR (side m d) * e * norm d z).
  { apply near_matrix; [unfold e; lra|]. intros k j Hk Hj. unfold N, B, ml. rewrite Nk by auto. set (r := nth k (w1 M) []). unfold up_row.
    set (r' := map (near K t) r). set (g' := map (near K t) (g_m M)).
    assert (Lg : length r' = length g') by (unfold r', g'; rewrite !map_length; apply widths_ok; auto).
    pose proof (fuzz_mul K t ltac:(lia) r (g_m M) j) as A. fold r' g' in A. pose proof (vl_near (t + t) q (zip Z.mul r' g') j ltac:(lia)) as C.
    assert (E : vl (t + t) (zip Z.mul r' g') j = vl t r' j * vl t g' j) by (unfold vl; rewrite at_zip by auto; apply dy_mul; lia). rewrite E in C.
    assert (Fz : dy (2 * t + 2) (fuzz (maxabs r') (maxabs g')) <= dy (2 * t + 2) up_fuzz).
    { apply dy_le; [lia|]. unfold up_fuzz. set (f := fun r => fuzz (maxabs (map (near K t) r)) (maxabs (map (near K t) (g_m M)))).
      pose proof (max_ge (map f (w1 M)) k) as Mx. unfold at_ in Mx. rewrite (nth_indep _ 0%Z (f [])) in Mx by (rewrite map_length; auto).
      rewrite map_nth in Mx. exact Mx. }
    replace (vl K r j * vl K (g_m M) j - vl q (map (near (t + t) q) (zip Z.mul r' g')) j)
      with ((vl K r j * vl K (g_m M) j - vl t r' j * vl t g' j) + (vl t r' j * vl t g' j - vl q (map (near (t + t) q) (zip Z.mul r' g')) j)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. unfold e. lra. }
  assert (Mix : norm m (mv d B z) <= dy q (spectral up_columns extra1) * norm d z).
  { assert (Lu : length up_columns = d) by (unfold up_columns, centred; fold d rows cols; rewrite map_length; auto).
    pose proof (spectral_dual q m (length (hd [] extra1)) up_columns extra1 z ltac:(lia) ltac:(congruence) (centred_widths m cols Wc) Wx) as S. rewrite Lu in S.
    rewrite (norm_ext m _ (mix q up_columns z)); auto. intros k Hk. unfold mix, mv, dot. rewrite Lu.
    rewrite (sum_ext d (fun j => z j * vl q (nth j up_columns []) k) (fun j => 1 * (B k j * z j) + - vl q (columns_mean m cols) k * z j)).
    - rewrite sum_lin, Hz. ring.
    - intros j Hj. change (vl q (nth j up_columns []) k) with (ml q (centred m cols) j k). rewrite centred_entry by (auto; lia).
      unfold B, ml, vl. destruct (nth_transpose d rows j Wr Hj) as [_ T]. unfold cols. rewrite T. ring. }
  assert (Total : dy q (spectral up_columns extra1) + IZR (side m d) * e <= dy t up_top).
  { unfold up_top. cbv zeta. fold d m. rewrite !dy_add, Rplus_assoc. apply Rplus_le_compat; [apply to_ok; lia|]. unfold e. rewrite Rmult_plus_distr_l.
    apply Rplus_le_compat; [|rewrite ulp_dy by lia]; (eapply Rle_trans; [|apply to_ok; lia]); right; unfold dy; try rewrite mult_IZR; unfold Rdiv; ring. }
  pose proof (norm_pos d z). apply Rle_trans with ((dy q (spectral up_columns extra1) + IZR (side m d) * e) * norm d z); [lra|]. now apply Rmult_le_compat_r.
Qed.

(* ------------------------------------------------------------------ the block *)
Definition unit_fits := let b' := map (near K t) (b_m M) in let g' := map (near K t) (g_m M) in
  map (fun rb => unit_fit K t (map (near K t) (fst rb)) b' g' (snd rb)) (List.combine (w1 M) (b1_m M)).
Definition mlp_constant (ps : list Z) := map (fun rb => near (K + (t + 2)) t (dotZ (fst rb) ps + snd rb * 2 ^ (t + 2))) (List.combine (w2 M) (b2_m M)).
Definition mlp_top := let fs := unit_fits in let a := down_top in
  (to (t + (t + 1) + t) (a * up_top * Z.sqrt_up (Z.of_nat (length (g_m M)) * (2 ^ t * 2 ^ t)))
   + (pnorm_up (mlp_constant (map snd fs)) + Z.of_nat (length (g_m M))) + to (t + (t + 2)) (a * norm_up (map fst fs)))%Z.

Theorem mlp_top_ok eps act : mlp_fits = true -> 0 <= eps -> (forall u, u / 2 <= act u <= Rmax 0 u) ->
  bounded d eps (mlp_block act M) (dy t mlp_top).
Proof.
  intros Fits He Hact. pose proof Fits as F. unfold mlp_fits in F. rewrite !Bool.andb_true_iff, !Nat.eqb_eq in F.
  destruct F as [[[[[[[[[[Hd Lb] W1ok] Lb1] L2] W2ok] Lb2] _] _] _] _]. apply Nat.ltb_lt in Hd. fold d in Hd, Lb, W1ok, L2, Lb2. fold m in Lb1, W2ok.
  set (fs := unit_fits). assert (Lf : length fs = m) by (unfold fs, unit_fits; cbv zeta; rewrite map_length, combine_length, Lb1; fold m; lia).
  set (f := fun k => unit_fit K t (map (near K t) (nth k (w1 M) [])) (map (near K t) (b_m M)) (map (near K t) (g_m M)) (at_ (b1_m M) k)).
  assert (Fk : forall k, (k < m)%nat -> at_ (map fst fs) k = fst (f k) /\ at_ (map snd fs) k = snd (f k)).
  { intros k Hk. set (h := fun rb : list Z * Z => unit_fit K t (map (near K t) (fst rb)) (map (near K t) (b_m M)) (map (near K t) (g_m M)) (snd rb)).
    assert (E : nth k fs (0%Z, 0%Z) = f k).
    { unfold fs, unit_fits. cbv zeta. fold h. rewrite (nth_indep _ (0%Z, 0%Z) (h ([], 0%Z))) by (rewrite map_length, combine_length, Lb1; fold m; lia).
      rewrite map_nth, combine_nth by auto. reflexivity. }
    unfold at_. split; [change 0%Z with (fst (0%Z, 0%Z))|change 0%Z with (snd (0%Z, 0%Z))]; rewrite map_nth, E; reflexivity. }
  set (hs := map fst fs) in *. set (ps := map snd fs) in *.
  assert (Lh : length hs = m) by (unfold hs; rewrite map_length; auto). assert (Lps : length ps = m) by (unfold ps; rewrite map_length; auto).
  set (c := fun k => centre d (ml K (w1 M) k) (vl K (b_m M)) (vl K (b1_m M) k)).
  set (mid := fun k => dy (t + 2) (at_ ps k) - / 2 * c k). set (hw := fun k => dy (t + 2) (at_ hs k)).
  assert (Lc : length (mlp_constant ps) = d) by (unfold mlp_constant; rewrite map_length, combine_length, L2, Lb2; lia).
  set (kap := dy t down_top * (/ 2 * dy t up_top)). set (E := dy t down_top * dy (t + 2) (norm_up hs)).
  assert (Nn : forall l, (0 <= norm_up l)%Z) by (intros; apply Z.sqrt_up_nonneg).
  assert (D0 : 0 <= dy t down_top).
  { rewrite <- (dy_0 t). apply dy_le; [lia|]. unfold down_top. pose proof (to_ok t q (spectral down_rows extra2) ltac:(lia) ltac:(lia)) as A1.
    pose proof (to_ok t (q + 1) (side d m) ltac:(lia) ltac:(lia)) as A2. assert (P2 := two_pos t ltac:(lia)).
    assert (B1 : 0 <= dy q (spectral down_rows extra2)) by (rewrite <- (dy_0 q); apply dy_le; [lia|apply Z.sqrt_up_nonneg]).
    assert (B2 : 0 <= dy (q + 1) (side d m)) by (rewrite <- (dy_0 (q + 1)); apply dy_le; [lia|apply Z.sqrt_up_nonneg]).
    assert (C : 0 <= dy t (to q (spectral down_rows extra2) + to (q + 1) (side d m))) by (rewrite dy_add; lra).
    unfold dy in C. apply le_IZR. apply Rmult_le_reg_r with (/ IZR (2 ^ t)); [now apply Rinv_0_lt_compat|]. unfold Rdiv in C. fold d m. lra. }
  assert (U0 : 0 <= dy t up_top).
  { unfold up_top. cbv zeta. rewrite !dy_add. assert (forall k x, (0 <= k)%Z -> (0 <= x)%Z -> 0 <= dy t (to k x)) as Pz.
    { intros k x Hk Hx. eapply Rle_trans; [|apply to_ok; lia]. rewrite <- (dy_0 k). apply dy_le; lia. }
    assert (0 <= side (length (w1 M)) (length (g_m M)))%Z by apply Z.sqrt_up_nonneg. assert (0 <= up_fuzz)%Z by apply max_pos.
    repeat apply Rplus_le_le_0_compat; apply Pz; try lia; try apply Z.sqrt_up_nonneg. }
  assert (Total : kap * sqrt (INR d) + norm d (P d (fun i => sum m (fun k => (mid k + / 2 * c k) * ml K (w2 M) i k) + vl K (b2_m M) i)) + E <= dy t mlp_top).
  { unfold mlp_top. cbv zeta. fold d fs ps hs. rewrite !dy_add. apply Rplus_le_compat; [apply Rplus_le_compat|].
    - eapply Rle_trans; [|apply to_ok; lia]. rewrite dy_mul by lia. apply Rmult_le_compat; [|apply sqrt_pos| |].
      + unfold kap. apply Rmult_le_pos; [auto|lra].
      + right. unfold kap, dy. rewrite !Z.pow_add_r, !mult_IZR by lia. change (2 ^ 1)%Z with 2%Z. pose proof (two_pos t ltac:(lia)). field. lra.
      + eapply Rle_trans; [|apply sqrt_up_ok; [lia|]].
        * right. f_equal. rewrite !mult_IZR, <- INR_IZR_INZ. pose proof (two_pos t ltac:(lia)). field. lra.
        * apply Z.mul_nonneg_nonneg; [lia|]. apply Z.mul_nonneg_nonneg; apply Z.pow_nonneg; lia.
    - eapply Rle_trans; [apply (norm_P_entries d _ (vl t (mlp_constant ps)) (ulp t)); auto; [left; apply ulp_pos; lia|]|].
      + intros i Hi. assert (Li : length (nth i (w2 M) []) = m) by (apply widths_ok; auto; lia).
        assert (Ei : sum m (fun k => (mid k + / 2 * c k) * ml K (w2 M) i k) + vl K (b2_m M) i
          = dy (K + (t + 2)) (dotZ (nth i (w2 M) []) ps + at_ (b2_m M) i * 2 ^ (t + 2))).
        { rewrite dy_add, dy_mul by lia. f_equal.
          - rewrite <- dot_vl by (try lia; congruence). rewrite Li. apply sum_ext. intros k _. unfold mid, ml, vl. ring.
          - unfold vl. assert (O1 : dy (t + 2) (2 ^ (t + 2)) = 1) by (unfold dy; field; apply Rgt_not_eq, two_pos; lia). rewrite O1. ring. }
        rewrite Ei. assert (Ai : at_ (mlp_constant ps) i = near (K + (t + 2)) t (dotZ (nth i (w2 M) []) ps + at_ (b2_m M) i * 2 ^ (t + 2))).
        { unfold at_ at 1, mlp_constant. set (h := fun rb => near (K + (t + 2)) t (dotZ (fst rb) ps + snd rb * 2 ^ (t + 2))).
          rewrite (nth_indep _ 0%Z (h ([], 0%Z))) by (rewrite map_length, combine_length, L2, Lb2; lia). now rewrite map_nth, combine_nth by congruence. }
        unfold vl. rewrite Ai. apply near_ok. lia.
      + rewrite <- Lc. apply Rplus_le_compat; [apply pnorm_up_ok; lia|]. rewrite Lc, <- dy_INR, INR_IZR_INZ. apply Rmult_le_compat_l; [apply (IZR_le 0); lia|apply ulp_le; lia].
    - unfold E. eapply Rle_trans; [|apply to_ok; lia]. rewrite dy_mul by lia. lra. }
  intros h u. eapply Rle_trans; [|exact Total]. unfold mlp_block. fold m.
  apply (mlp_bounded d Hd eps He (vl K (g_m M)) (vl K (b_m M)) m (ml K (w1 M)) (vl K (b1_m M)) act (ml K (w2 M)) (vl K (b2_m M)) (fun _ => / 2) mid hw kap E).
  - intros k x Hk Hx. destruct (Fk k Hk) as [Fh Fp]. unfold mid, hw. rewrite Fh, Fp.
    assert (Lk : length (nth k (w1 M) []) = d) by (apply widths_ok; auto).
    pose proof (unit_fit_ok K t ltac:(lia) (nth k (w1 M) []) (b_m M) (g_m M) (at_ (b1_m M) k) act x) as U. rewrite Lk in U. apply U; auto.
  - intros z Hz. set (v := fun k => / 2 * dot d (ml K (w1 M) k) (mul (vl K (g_m M)) z)). eapply Rle_trans; [apply (down_ok v Fits)|].
    unfold kap. rewrite !Rmult_assoc. apply Rmult_le_compat_l; auto. unfold v.
    rewrite (norm_ext m _ (scal (/ 2) (fun k => dot d (ml K (w1 M) k) (mul (vl K (g_m M)) z)))) by auto. rewrite norm_scal, (Rabs_right (/ 2)) by lra.
    apply Rmult_le_compat_l; [lra|]. now apply up_ok.
  - unfold kap. apply Rmult_le_pos; [auto|lra].
  - intros v Hv. eapply Rle_trans; [apply (down_ok v Fits)|]. unfold E. apply Rmult_le_compat_l; auto.
    eapply Rle_trans; [|apply norm_up_ok; lia]. rewrite Lh. apply sqrt_le_1_alt. apply sum_le. intros k Hk. specialize (Hv k Hk). apply abs_inv in Hv.
    unfold hw in Hv. unfold vl. set (x := dy (t + 2) (at_ hs k)) in *. clearbody x. nra.
Qed.
End OneMlp.
End MlpBound.
