(* Kernel-checked bounds by integer arithmetic on exact weights: how well a line fits an activation over all that its unit
   can see, and matrices with their columns centred, which is all that |P .| sees. *)
From ICL Require Export Matrices FarQuery.
Require Import ZArith List.
Import ListNotations.

Definition to t k z := if (k <=? t)%Z then (z * 2 ^ (t - k))%Z else round_up k t z.          (* upwards, to scale t *)
Lemma to_ok t k z : (0 <= k)%Z -> (0 <= t)%Z -> dy k z <= dy t (to t k z).
Proof.
  intros Hk Ht. unfold to. destruct (Z.leb_spec k t); [|apply round_up_ok; lia]. right. unfold dy. rewrite mult_IZR.
  pose proof (two_pos k Hk). pose proof (two_pos t ltac:(lia)). pose proof (two_pos (t - k) ltac:(lia)).
  assert (E : IZR (2 ^ t) = IZR (2 ^ k) * IZR (2 ^ (t - k))) by (rewrite <- mult_IZR, <- Z.pow_add_r by lia; do 2 f_equal; lia).
  rewrite E. field. lra.
Qed.
Lemma dy_INR k n : IZR (Z.of_nat n) * dy k 1 = dy k (Z.of_nat n).
Proof. unfold dy, Rdiv. ring. Qed.
Lemma ulp_dy k : (0 <= k)%Z -> ulp k = dy (k + 1) 1.
Proof. intros. unfold ulp, dy. field. apply Rgt_not_eq, two_pos. lia. Qed.
Lemma ulp_le k : (0 <= k)%Z -> ulp k <= dy k 1.
Proof.
  intros. rewrite ulp_dy by auto. unfold dy. rewrite Z.pow_add_r, mult_IZR by lia. change (2 ^ 1)%Z with 2%Z. pose proof (two_pos k H).
  apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra.
Qed.
Section Bounds.
Variables K t : Z.                                          (* bits after the point: of the weights, of rounded vectors *)
Hypothesis bits : (0 < t < K)%Z.

Local Notation to := (to t).
(* a product of two numbers rounded to t *)
Definition fuzz x y := (2 * (x + y) + 1)%Z.
Lemma fuzz_ok x y : ulp t * (dy t x + dy t y + ulp t) = dy (2 * t + 2) (fuzz x y).
Proof.
  unfold fuzz, ulp, dy. pose proof (two_pos t ltac:(lia)).
  assert (E1 : IZR (2 ^ (t + 1)) = 2 * IZR (2 ^ t)) by (rewrite Z.add_1_r, Z.pow_succ_r, mult_IZR by lia; reflexivity).
  assert (E2 : IZR (2 ^ (2 * t + 2)) = 4 * (IZR (2 ^ t) * IZR (2 ^ t))).
  { rewrite <- mult_IZR, <- Z.pow_add_r, <- (mult_IZR 4) by lia. change 4%Z with (2 ^ 2)%Z. rewrite <- Z.pow_add_r by lia. do 2 f_equal. lia. }
  rewrite E1, E2, plus_IZR, mult_IZR, plus_IZR. field. lra.
Qed.
Lemma fuzz_mul a b i : Rabs (vl K a i * vl K b i - vl t (map (near K t) a) i * vl t (map (near K t) b) i)
  <= dy (2 * t + 2) (fuzz (maxabs (map (near K t) a)) (maxabs (map (near K t) b))).
Proof.
  rewrite <- fuzz_ok. eapply Rle_trans; [apply (near_mul _ _ _ _ (ulp t)); apply vl_near; lia|].
  apply Rmult_le_compat_l; [left; apply ulp_pos; lia|]. pose proof (maxabs_ok t (map (near K t) a) i ltac:(lia)).
  pose proof (maxabs_ok t (map (near K t) b) i ltac:(lia)). lra.
Qed.

(* ------------------------------------------------------------------ one unit: centre and ceiling (L2) *)
Definition product a b := map (near (t + t) t) (zip Z.mul a b).
Lemma product_ok a b i : length a = length b ->
  Rabs (vl K a i * vl K b i - vl t (product (map (near K t) a) (map (near K t) b)) i)
  <= dy (2 * t + 2) (fuzz (maxabs (map (near K t) a)) (maxabs (map (near K t) b))) + ulp t.
Proof.
  intros L. set (a' := map (near K t) a). set (b' := map (near K t) b). pose proof (fuzz_mul a b i) as F. fold a' b' in F.
  assert (E : vl (t + t) (zip Z.mul a' b') i = vl t a' i * vl t b' i).
  { unfold vl. rewrite at_zip by (auto; unfold a', b'; now rewrite !map_length). apply dy_mul; lia. }
  pose proof (vl_near (t + t) t (zip Z.mul a' b') i ltac:(lia)) as N. rewrite E in N. fold (product a' b') in N.
  replace (vl K a i * vl K b i - vl t (product a' b') i) with ((vl K a i * vl K b i - vl t a' i * vl t b' i) + (vl t a' i * vl t b' i - vl t (product a' b') i)) by ring.
  eapply Rle_trans; [apply Rabs_triang|lra].
Qed.
(* of vectors already rounded *)
Definition ceil_top w' g' := let n := Z.of_nat (length w') in
  (Z.sqrt_up (spread (product g' w')) + to (2 * t + 2) (n * n * fuzz (maxabs g') (maxabs w')) + n * n)%Z.
Lemma norm_P_entries d u v e : (0 < d)%nat -> 0 <= e -> (forall i, (i < d)%nat -> Rabs (u i - v i) <= e) ->
  norm d (P d u) <= norm d (P d v) + INR d * e.
Proof.
  intros Hd He H. rewrite (norm_ext d (P d u) (add (P d v) (P d (fun i => u i - v i)))).
  - eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat_l. eapply Rle_trans; [now apply norm_P_le|]. now apply norm_entries.
  - intros i Hi. transitivity (P d (add v (fun i => u i - v i)) i); [|apply P_add; auto]. apply P_ext; auto. intros. unfold add. ring.
Qed.
Lemma ceil_top_ok w g : length g = length w -> (0 < length w)%nat ->
  ceil (length w) (vl K w) (vl K g) <= dy t (ceil_top (map (near K t) w) (map (near K t) g)).
Proof.
  intros L Hd. unfold ceil_top. cbv zeta. rewrite map_length. set (w' := map (near K t) w). set (g' := map (near K t) g). set (d := length w) in *. set (n := Z.of_nat d).
  set (p := product g' w'). set (f := fuzz (maxabs g') (maxabs w')).
  assert (Lp : length p = d). { unfold p, product. rewrite map_length, length_zip; unfold g', w'; rewrite !map_length; auto. }
  assert (Dn : INR d = IZR n) by apply INR_IZR_INZ. pose proof (lt_0_INR d Hd) as D0. assert (D1 : 1 <= INR d) by (apply (le_INR 1); lia).
  set (e := dy (2 * t + 2) f + ulp t).
  assert (F0 : 0 <= dy (2 * t + 2) f).
  { rewrite <- (dy_0 (2 * t + 2)). apply dy_le; [lia|]. unfold f, fuzz. assert (forall l, (0 <= maxabs l)%Z) as M by (induction l; simpl; lia).
    pose proof (M g'). pose proof (M w'). lia. }
  assert (E0 : 0 <= e) by (unfold e; pose proof (ulp_pos t ltac:(lia)); lra).
  assert (A : norm d (P d (mul (vl K g) (vl K w))) <= norm d (P d (vl t p)) + INR d * e).
  { apply norm_P_entries; auto. intros i _. unfold mul, p, e, f. apply product_ok. auto. }
  assert (Sq : sqrt (INR d) * norm d (P d (vl t p)) <= dy t (Z.sqrt_up (spread p))).
  { eapply Rle_trans; [|apply sqrt_up_ok; [lia|apply spread_pos; lia]]. right. unfold norm. rewrite <- sqrt_mult_alt by lra. f_equal.
    pose proof (pnorm_sq t p ltac:(lia) ltac:(lia)) as Q. rewrite Lp in Q. rewrite Q. pose proof (two_pos t ltac:(lia)). field. lra. }
  assert (S1 : sqrt (INR d) <= INR d). { apply sq_le; [lra|]. rewrite sqrt_sqrt by lra. nra. }
  pose proof (sqrt_pos (INR d)) as S0.
  rewrite !dy_add. unfold ceil. eapply Rle_trans; [apply Rmult_le_compat_l; [auto|exact A]|]. rewrite Rmult_plus_distr_l, Rplus_assoc.
  apply Rplus_le_compat; auto. apply Rle_trans with (INR d * (INR d * e)); [apply Rmult_le_compat_r; nra|].
  unfold e. rewrite Dn, !Rmult_plus_distr_l. apply Rplus_le_compat.
  - eapply Rle_trans; [|apply to_ok; lia]. right. unfold dy. rewrite !mult_IZR. unfold Rdiv. ring.
  - pose proof (ulp_le t ltac:(lia)). assert (0 <= IZR n) by (rewrite <- Dn; lra). apply Rle_trans with (IZR n * (IZR n * dy t 1)).
    + repeat (apply Rmult_le_compat_l; auto).
    + right. unfold dy. rewrite mult_IZR. unfold Rdiv. ring.
Qed.
(* an activation between u/2 and max(0, u) is u/2 + p - c/2 within h on the unit's interval; h and p at scale t + 2 *)
Definition unit_fit w' b' g' b1 := let n := Z.of_nat (length w') in let c := (near (t + t) t (dotZ w' b') + near K t b1)%Z in
  let e := (to (2 * t + 2) (n * fuzz (maxabs w') (maxabs b')) + 1)%Z in let top := (Z.abs c + e + ceil_top w' g')%Z in
  ((top + 2 * e)%Z, (top + 2 * c)%Z).
Lemma quarter z : dy (t + 2) z = dy t z / 4.
Proof. unfold dy. rewrite Z.pow_add_r, mult_IZR by lia. change (2 ^ 2)%Z with 4%Z. pose proof (two_pos t ltac:(lia)). field. lra. Qed.
Lemma unit_fit_ok w b g b1 act u : length b = length w -> length g = length w -> (0 < length w)%nat ->
  let c := centre (length w) (vl K w) (vl K b) (dy K b1) in let f := unit_fit (map (near K t) w) (map (near K t) b) (map (near K t) g) b1 in
  u / 2 <= act u <= Rmax 0 u -> Rabs (u - c) <= ceil (length w) (vl K w) (vl K g) ->
  Rabs (act u - / 2 * u - (dy (t + 2) (snd f) - / 2 * c)) <= dy (t + 2) (fst f).
Proof.
  intros Lb Lg Hd c f Ha Hu. pose proof (ceil_top_ok w g Lg Hd) as Cr. unfold unit_fit in f. cbv zeta in f.
  set (w' := map (near K t) w) in *. set (b' := map (near K t) b) in *. set (d := length w) in *. set (n := Z.of_nat (length w')) in *.
  set (cz := (near (t + t) t (dotZ w' b') + near K t b1)%Z) in *. set (fz := fuzz (maxabs w') (maxabs b')) in *.
  set (e := (to (2 * t + 2) (n * fz) + 1)%Z) in *. set (ct := ceil_top w' (map (near K t) g)) in *.
  assert (Ec : Rabs (c - dy t cz) <= dy t e).
  { unfold c, centre, cz, e. rewrite !dy_add.
    assert (A : Rabs (dot d (vl K w) (vl K b) - dot d (vl t w') (vl t b')) <= INR d * dy (2 * t + 2) fz).
    { unfold dot. replace (sum d (fun i => vl K w i * vl K b i) - sum d (fun i => vl t w' i * vl t b' i))
        with (sum d (fun i => 1 * (vl K w i * vl K b i) + -1 * (vl t w' i * vl t b' i))) by (rewrite sum_lin; ring).
      eapply Rle_trans; [apply sum_abs|]. rewrite <- sum_const. apply sum_le. intros i _. pose proof (fuzz_mul w b i) as F. fold w' b' fz in F.
      replace (1 * (vl K w i * vl K b i) + -1 * (vl t w' i * vl t b' i)) with (vl K w i * vl K b i - vl t w' i * vl t b' i) by ring. exact F. }
    assert (Lw : length w' = d) by apply map_length. assert (Lb' : length w' = length b') by (unfold w', b'; rewrite !map_length; auto).
    pose proof (dot_vl t t w' b' ltac:(lia) ltac:(lia) Lb') as E. rewrite Lw in E. rewrite E in A.
    pose proof (near_ok (t + t) t (dotZ w' b') ltac:(lia)) as N1. pose proof (near_ok K t b1 ltac:(lia)) as N2.
    assert (U : ulp t + ulp t = dy t 1).
    { unfold ulp, dy. rewrite Z.pow_add_r, mult_IZR by lia. change (2 ^ 1)%Z with 2%Z. pose proof (two_pos t ltac:(lia)). field. lra. }
    assert (D2 : INR d * dy (2 * t + 2) fz <= dy t (to (2 * t + 2) (n * fz))).
    { eapply Rle_trans; [|apply to_ok; lia]. right. rewrite INR_IZR_INZ. unfold dy, n. rewrite Lw, mult_IZR. unfold Rdiv. ring. }
    replace (dy K b1 + dot d (vl K w) (vl K b) - (dy t (near (t + t) t (dotZ w' b')) + dy t (near K t b1)))
      with ((dot d (vl K w) (vl K b) - dy (t + t) (dotZ w' b')) + ((dy (t + t) (dotZ w' b') - dy t (near (t + t) t (dotZ w' b'))) + (dy K b1 - dy t (near K t b1)))) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. eapply Rle_trans; [apply Rplus_le_compat_l, Rabs_triang|]. lra. }
  set (T := dy t (Z.abs cz + e + ct)). set (r := ceil d (vl K w) (vl K g)) in *.
  assert (Tu : Rabs u <= T).
  { unfold T. rewrite !dy_add, <- dy_abs by lia. replace u with (dy t cz + ((c - dy t cz) + (u - c))) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rplus_assoc. apply Rplus_le_compat_l. eapply Rle_trans; [apply Rabs_triang|]. lra. }
  unfold f. cbn [fst snd]. rewrite !quarter, !(dy_add t (Z.abs cz + e + ct)). fold T.
  assert (Two : forall z, dy t (2 * z) = 2 * dy t z) by (intros; unfold dy; rewrite mult_IZR; unfold Rdiv; ring). rewrite !Two.
  apply abs_inv in Ec, Tu. assert (M : Rmax 0 u - u / 2 <= T / 2) by (destruct (Rle_dec 0 u); [rewrite Rmax_right by lra|rewrite Rmax_left by lra]; lra).
  apply Rabs_le. lra.
Qed.

(* ------------------------------------------------------------------ matrices with their columns centred *)
Definition columns_mean m rows := map (fun x => (x / Z.of_nat (length rows))%Z) (fold_right (zip Z.add) (repeat 0%Z m) rows).
Definition centred m (rows : list (list Z)) := let c := columns_mean m rows in map (fun r => zip Z.sub r c) rows.
Lemma length_fold_zip m rows : widths m rows = true -> length (fold_right (zip Z.add) (repeat 0%Z m) rows) = m.
Proof.
  intros H. unfold widths in H. rewrite forallb_forall in H. induction rows; simpl; [apply repeat_length|].
  rewrite length_zip; [apply Nat.eqb_eq, H; left; auto|]. rewrite IHrows by (intros; apply H; right; auto). apply Nat.eqb_eq, H. left. auto.
Qed.
Lemma length_mean m rows : widths m rows = true -> length (columns_mean m rows) = m.
Proof. intros. unfold columns_mean. rewrite map_length. now apply length_fold_zip. Qed.
Lemma centred_widths m rows : widths m rows = true -> widths m (centred m rows) = true.
Proof.
  intros H. pose proof (length_mean m rows H) as L. unfold widths in *. rewrite forallb_forall in *. intros r Hr. unfold centred in Hr. cbv zeta in Hr.
  apply in_map_iff in Hr. destruct Hr as [r' [<- Hr']]. apply Nat.eqb_eq. rewrite length_zip; [apply Nat.eqb_eq, H; auto|].
  rewrite L. apply Nat.eqb_eq, H. auto.
Qed.
Lemma centred_entry k m rows i j : (0 <= k)%Z -> widths m rows = true -> (i < length rows)%nat ->
  ml k (centred m rows) i j = ml k rows i j - vl k (columns_mean m rows) j.
Proof.
  intros Hk H Hi. unfold ml, vl, centred. cbv zeta.
  rewrite (nth_indep _ [] (zip Z.sub [] (columns_mean m rows))) by (rewrite map_length; auto).
  rewrite (map_nth (fun r => zip Z.sub r (columns_mean m rows))), at_zip by (auto; rewrite (widths_ok m rows), length_mean; auto).
  apply dy_sub.
Qed.
Definition rounded k l (rows : list (list Z)) := map (map (near k l)) rows.
Lemma rounded_widths k l m rows : widths m rows = true -> widths m (rounded k l rows) = true.
Proof.
  unfold widths. rewrite !forallb_forall. intros H r Hr. apply in_map_iff in Hr. destruct Hr as [r' [<- Hr']]. rewrite map_length. now apply H.
Qed.
Lemma rounded_entry k l rows i j : (0 <= l < k)%Z -> Rabs (ml k rows i j - ml l (rounded k l rows) i j) <= ulp l.
Proof.
  intros H. unfold ml, rounded. change (@nil Z) with (map (near k l) []) at 2. rewrite map_nth. now apply vl_near.
Qed.
Lemma norm_P_shift d u c : (0 < d)%nat -> norm d (P d u) <= norm d (fun i => u i - c).
Proof.
  intros Hd. rewrite (norm_ext d (P d u) (P d (fun i => u i - c))); [now apply norm_P_le|].
  intros i _. unfold P, mean. rewrite (sum_ext d (fun i => u i - c) (fun i => 1 * u i + - c * 1)) by (intros; ring).
  rewrite sum_lin, sum_const. field. apply not_0_INR. lia.
Qed.
End Bounds.
