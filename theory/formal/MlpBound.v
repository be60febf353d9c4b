(* Kernel-checked bound of what an MLP adds to the stream, in |P .|, for every activation between -low and max(0, u). *)
From ICL Require Export Bounds.
Require Import ZArith List.
Import ListNotations.

Section MlpBound.
Variables K t q : Z.                                        (* bits of the weights, of vectors, of the Gram matrix *)
Hypothesis bits : (0 < q <= t /\ t < K)%Z.
Local Notation to := (to t).
Local Notation unit_top := (unit_top K t).

(* ------------------------------------------------------------------ an MLP *)
Record mlp_z := { g_m : list Z; b_m : list Z; w1 : list (list Z); b1_m : list Z; w2 : list (list Z); b2_m : list Z }.
Definition mlp_block (act : R -> R) M : block :=
  Mlp (vl K (g_m M)) (vl K (b_m M)) (length (w1 M)) (ml K (w1 M)) (vl K (b1_m M)) act (ml K (w2 M)) (vl K (b2_m M)).
Section OneMlp.
Variables (M : mlp_z) (extra : list (list Z)) (low : Z).
Let d := length (g_m M).
Let m := length (w1 M).
Definition mlp_fits := ((0 <? length (g_m M))%nat && (length (b_m M) =? length (g_m M))%nat && widths (length (g_m M)) (w1 M) && (length (b1_m M) =? length (w1 M))%nat
  && (length (w2 M) =? length (g_m M))%nat && widths (length (w1 M)) (w2 M) && (length (b2_m M) =? length (g_m M))%nat
  && (length extra =? length (g_m M))%nat && widths (length (hd [] extra)) extra && (0 <=? low)%Z)%bool.
Definition tops := map (fun rb => Z.max 0 (unit_top (fst rb) (b_m M) (g_m M) (snd rb))) (List.combine (w1 M) (b1_m M)).
Definition mids := map (fun h => (h - low)%Z) tops.                                             (* scale t + 1 *)
Definition halves := map (fun h => (h + low)%Z) tops.
Definition mlp_constant := map (fun rb => near (K + (t + 1)) t (dotZ (fst rb) mids + snd rb * 2 ^ (t + 1))) (List.combine (w2 M) (b2_m M)).
Definition mlp_rows := centred (length (w1 M)) (rounded K q (w2 M)).
Definition mlp_top := let n := norm_up halves in let k := spectral mlp_rows extra in
  (pnorm_up mlp_constant + Z.of_nat (length (g_m M)) + to (q + (t + 1)) (k * n) + to (q + 1 + (t + 1)) (side (length (g_m M)) (length (w1 M)) * n))%Z.

Theorem mlp_top_ok eps act : mlp_fits = true -> 0 <= eps -> (forall u, - dy t low <= act u <= Rmax 0 u) ->
  bounded d eps (mlp_block act M) (dy t mlp_top).
Proof.
  unfold mlp_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros [[[[[[[[[Hd Lb] W1ok] Lb1] L2] W2ok] Lb2] Le] Wx] Hlow] He Hact.
  apply Nat.ltb_lt in Hd. apply Z.leb_le in Hlow. fold d in Hd, Lb, W1ok, L2, Lb2, Le. fold m in Lb1, W2ok.
  set (mid := fun k => dy (t + 1) (at_ mids k)). set (hw := fun k => dy (t + 1) (at_ halves k)).
  assert (Lt : length tops = m) by (unfold tops; rewrite map_length, combine_length, Lb1; fold m; lia).
  assert (Tk : forall k, (k < m)%nat -> at_ tops k = Z.max 0 (unit_top (nth k (w1 M) []) (b_m M) (g_m M) (at_ (b1_m M) k))).
  { intros k Hk. unfold at_ at 1, tops. set (f := fun rb => Z.max 0 (unit_top (fst rb) (b_m M) (g_m M) (snd rb))).
    rewrite (nth_indep _ 0%Z (f ([], 0%Z))) by (rewrite map_length, combine_length, Lb1; fold m; lia).
    rewrite map_nth, combine_nth by auto. reflexivity. }
  assert (Mk : forall k, (k < m)%nat -> at_ mids k = (at_ tops k - low)%Z).
  { intros k Hk. unfold mids. rewrite at_map_in by lia. reflexivity. }
  assert (Hk' : forall k, (k < m)%nat -> at_ halves k = (at_ tops k + low)%Z).
  { intros k Hk. unfold halves. rewrite at_map_in by lia. reflexivity. }
  assert (Half : forall z, dy (t + 1) z = dy t z / 2).
  { intros z. unfold dy. rewrite Z.pow_add_r, mult_IZR by lia. change (2 ^ 1)%Z with 2%Z. pose proof (two_pos t ltac:(lia)). field. lra. }
  assert (Lc : length mlp_constant = d) by (unfold mlp_constant; rewrite map_length, combine_length, L2, Lb2; lia).
  set (E := (dy q (spectral mlp_rows extra) + IZR (side d m) * ulp q) * dy (t + 1) (norm_up halves)).
  assert (Total : 0 * sqrt (INR d) + norm d (P d (fun i => sum m (fun k => (mid k + 0 * centre d (ml K (w1 M) k) (vl K (b_m M)) (vl K (b1_m M) k)) * ml K (w2 M) i k) + vl K (b2_m M) i)) + E
    <= dy t mlp_top).
  { unfold mlp_top. cbv zeta. fold d m. rewrite !dy_add. rewrite Rmult_0_l, Rplus_0_l.
    assert (A : norm d (P d (fun i => sum m (fun k => (mid k + 0 * centre d (ml K (w1 M) k) (vl K (b_m M)) (vl K (b1_m M) k)) * ml K (w2 M) i k) + vl K (b2_m M) i))
      <= dy t (pnorm_up mlp_constant) + dy t (Z.of_nat d)).
    { eapply Rle_trans; [apply (norm_P_entries d _ (vl t mlp_constant) (ulp t)); auto; [left; apply ulp_pos; lia|]|].
      - intros i Hi. assert (Ei : sum m (fun k => (mid k + 0 * centre d (ml K (w1 M) k) (vl K (b_m M)) (vl K (b1_m M) k)) * ml K (w2 M) i k) + vl K (b2_m M) i
          = dy (K + (t + 1)) (dotZ (nth i (w2 M) []) mids + at_ (b2_m M) i * 2 ^ (t + 1))).
        { rewrite dy_add, dy_mul by lia. f_equal.
          - assert (Li : length (nth i (w2 M) []) = m) by (apply widths_ok; auto; lia).
            assert (Lm : length mids = m) by (unfold mids; rewrite map_length; auto).
            rewrite <- dot_vl by (try lia; congruence). rewrite Li. apply sum_ext. intros k _. unfold mid, ml, vl. ring.
          - unfold vl. assert (O1 : dy (t + 1) (2 ^ (t + 1)) = 1) by (unfold dy; field; apply Rgt_not_eq, two_pos; lia). rewrite O1. ring. }
        rewrite Ei. assert (Ai : at_ mlp_constant i = near (K + (t + 1)) t (dotZ (nth i (w2 M) []) mids + at_ (b2_m M) i * 2 ^ (t + 1))).
        { unfold at_ at 1, mlp_constant. set (f := fun rb => near (K + (t + 1)) t (dotZ (fst rb) mids + snd rb * 2 ^ (t + 1))).
          rewrite (nth_indep _ 0%Z (f ([], 0%Z))) by (rewrite map_length, combine_length, L2, Lb2; lia).
          now rewrite map_nth, combine_nth by congruence. }
        unfold vl. rewrite Ai. apply near_ok. lia.
      - rewrite <- Lc. apply Rplus_le_compat; [apply pnorm_up_ok; lia|]. rewrite Lc, <- dy_INR, INR_IZR_INZ. apply Rmult_le_compat_l; [apply (IZR_le 0); lia|apply ulp_le; lia]. }
    assert (B : E <= dy t (to (q + (t + 1)) (spectral mlp_rows extra * norm_up halves)) + dy t (to (q + 1 + (t + 1)) (side d m * norm_up halves))).
    { unfold E. rewrite Rmult_plus_distr_r. apply Rplus_le_compat.
      - eapply Rle_trans; [|apply to_ok; lia]. rewrite dy_mul by lia. lra.
      - eapply Rle_trans; [|apply to_ok; lia]. rewrite dy_mul by lia. rewrite ulp_dy by lia. unfold dy. right. unfold Rdiv. ring. }
    lra. }
  intros h u. eapply Rle_trans; [|exact Total]. unfold mlp_block. fold m.
  apply (mlp_bounded d Hd eps He (vl K (g_m M)) (vl K (b_m M)) m (ml K (w1 M)) (vl K (b1_m M)) act (ml K (w2 M)) (vl K (b2_m M)) (fun _ => 0) mid hw 0 E).
  - intros k x Hk Hx. apply abs_inv in Hx. unfold mid, hw. rewrite Mk, Hk', !Half, dy_sub, dy_add by auto.
    assert (Lk : length (nth k (w1 M) []) = d) by (apply widths_ok; auto).
    pose proof (unit_top_ok K t ltac:(lia) (nth k (w1 M) []) (b_m M) (g_m M) (at_ (b1_m M) k)) as U. rewrite Lk in U. specialize (U Lb eq_refl Hd).
    assert (X : x <= dy t (at_ tops k)).
    { rewrite Tk by auto. apply Rle_trans with (dy t (unit_top (nth k (w1 M) []) (b_m M) (g_m M) (at_ (b1_m M) k))); [|apply dy_le; lia].
      unfold ml, vl in Hx. unfold vl in U. lra. }
    assert (X0 : 0 <= dy t (at_ tops k)) by (rewrite <- (dy_0 t), Tk by auto; apply dy_le; lia).
    specialize (Hact x). assert (Rmax 0 x <= dy t (at_ tops k)) by (apply Rmax_lub; lra). apply Rabs_le. lra.
  - intros z _. rewrite (normP_ext d _ (fun _ => 0)), (nu_zero d (fun u => norm d (P d u)) (normP_ext d) (normP_scal d Hd)); [lra|].
    intros i _. rewrite (sum_ext m _ (fun _ => 0)) by (intros; ring). rewrite sum_const. ring.
  - lra.
  - intros v Hv. set (rows := rounded K q (w2 M)). set (c := vl q (columns_mean m rows)).
    assert (Wr : widths m rows = true) by now apply rounded_widths. assert (Lr : length rows = d) by (unfold rows, rounded; rewrite map_length; auto).
    eapply Rle_trans; [apply (norm_P_shift d _ (dot m c v) Hd)|].
    set (A := fun i k => ml K (w2 M) i k - c k). set (B := ml q mlp_rows).
    assert (Ev : forall i, sum m (fun k => v k * ml K (w2 M) i k) - dot m c v = mv m A v i).
    { intros i. replace (sum m (fun k => v k * ml K (w2 M) i k) - dot m c v) with (1 * sum m (fun k => v k * ml K (w2 M) i k) + -1 * sum m (fun k => c k * v k)) by (unfold dot; ring).
      rewrite <- sum_lin. apply sum_ext. intros. unfold A. ring. }
    rewrite (norm_ext d _ (mv m A v)) by (intros; apply Ev).
    eapply Rle_trans; [apply (norm_near d (mv m A v) (mv m B v))|]. unfold E. rewrite Rmult_plus_distr_r.
    assert (Nv : norm m v <= dy (t + 1) (norm_up halves)).
    { assert (Lh : length halves = m) by (unfold halves; rewrite map_length; auto).
      eapply Rle_trans; [|apply norm_up_ok; lia]. rewrite Lh. apply sqrt_le_1_alt. apply sum_le. intros k Hk. specialize (Hv k Hk). apply abs_inv in Hv.
      unfold hw in Hv. unfold vl. nra. }
    apply Rplus_le_compat.
    + assert (Lm : length mlp_rows = d) by (unfold mlp_rows, centred, rounded; rewrite !map_length; auto).
      pose proof (spectral_ok q m (length (hd [] extra)) mlp_rows extra v ltac:(lia) ltac:(congruence) (centred_widths m _ Wr) Wx) as S. rewrite Lm in S.
      eapply Rle_trans; [exact S|]. apply Rmult_le_compat_l; auto. rewrite <- (dy_0 q). apply dy_le; [lia|apply Z.sqrt_up_nonneg].
    + eapply Rle_trans; [apply (near_matrix d m A B (ulp q) v); [left; apply ulp_pos; lia|]|].
      * intros i j Hi Hj. unfold A, B, mlp_rows. fold rows. rewrite centred_entry by (auto; lia). change (vl q (columns_mean (length (w1 M)) rows) j) with (c j).
        replace (ml K (w2 M) i j - c j - (ml q rows i j - c j)) with (ml K (w2 M) i j - ml q rows i j) by ring. apply rounded_entry. lia.
      * apply Rmult_le_compat_l; auto. apply Rmult_le_pos; [apply (IZR_le 0), Z.sqrt_up_nonneg|left; apply ulp_pos; lia].
Qed.
End OneMlp.
End MlpBound.
