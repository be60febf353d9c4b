(* Kernel-checked numbers: the ceiling of a concrete float32 readout, enclosed to 12 digits by integer arithmetic.
   Float32 weights are dyadic, so w_i = a_i / S and g_i = b_i / T with integers a_i, b_i. *)
From ICL Require Export Rounding.
Require Import ZArith List.
Import ListNotations.

Definition vz (l : list Z) (S : Z) : vec := fun i => IZR (at_ l i) / IZR S.

Lemma ceil_sq d w g : (0 < d)%nat ->
  ceil d w g = sqrt (INR d * dot d (mul g w) (mul g w) - sum d (mul g w) * sum d (mul g w)).
Proof.
  intros Hd. pose proof (lt_0_INR d Hd). unfold ceil, norm. rewrite <- sqrt_mult_alt by lra. f_equal.
  rewrite dot_PP by auto. unfold P, mean. set (v := mul g w). unfold dot.
  rewrite (sum_ext d (fun i => (v i - sum d v / INR d) * v i) (fun i => 1 * (v i * v i) + - (sum d v / INR d) * v i)) by (intros; ring).
  rewrite sum_lin. field. lra.
Qed.

(* boolean certificate: q/10^12 <= ceil <= (q+1)/10^12 *)
Definition cert (a b : list Z) (S T q : Z) : bool :=
  let c := zip Z.mul b a in let N := (Z.of_nat (length a) * sumsqZ c - sumZ c * sumZ c)%Z in
  let M := (N * 10 ^ 24)%Z in
  ((length a =? length b)%nat && (0 <? length a)%nat && (0 <? S) && (0 <? T) && (0 <=? q)
    && ((q * (S * T)) ^ 2 <=? M) && (M <=? ((q + 1) * (S * T)) ^ 2))%Z%bool.

Theorem cert_sound a b S T q : cert a b S T q = true ->
  IZR q / IZR (10 ^ 12) <= ceil (length a) (vz a S) (vz b T) <= IZR (q + 1) / IZR (10 ^ 12).
Proof.
  unfold cert. cbv zeta. rewrite !Bool.andb_true_iff. intros [[[[[[H1 H2] H3] H4] H5] H6] H7].
  apply Nat.eqb_eq in H1. apply Nat.ltb_lt in H2. apply Z.ltb_lt, IZR_lt in H3. apply Z.ltb_lt, IZR_lt in H4.
  apply Z.leb_le, IZR_le in H5. apply Z.leb_le, IZR_le in H6. apply Z.leb_le, IZR_le in H7.
  rewrite ceil_sq by auto. set (c := zip Z.mul b a) in *.
  assert (Hv : forall i, mul (vz b T) (vz a S) i = / (IZR S * IZR T) * IZR (at_ c i)).
  { intros i. unfold mul, vz, c. rewrite at_zip, mult_IZR by auto. field. lra. }
  assert (Lc : length c = length a) by (unfold c; rewrite length_zip; auto).
  rewrite (sum_ext _ (mul (vz b T) (vz a S)) (fun i => / (IZR S * IZR T) * IZR (at_ c i))) by (intros; apply Hv).
  unfold dot. rewrite (sum_ext _ (fun i => mul (vz b T) (vz a S) i * mul (vz b T) (vz a S) i)
    (fun i => (/ (IZR S * IZR T) * / (IZR S * IZR T)) * (IZR (at_ c i) * IZR (at_ c i)))) by (intros; rewrite Hv; ring).
  rewrite !sum_scal, <- Lc, sum_IZR, sumsq_IZR, INR_IZR_INZ, Lc. set (U := IZR S * IZR T) in *.
  rewrite <- Lc in H6, H7 |- *. rewrite Lc in *. 
  rewrite !mult_IZR, minus_IZR, !mult_IZR in H6, H7.
  change ((q * (S * T)) ^ 2)%Z with ((q * (S * T)) * ((q * (S * T)) * 1))%Z in H6.
  change (((q + 1) * (S * T)) ^ 2)%Z with (((q + 1) * (S * T)) * (((q + 1) * (S * T)) * 1))%Z in H7.
  rewrite !mult_IZR in H6, H7. fold U in H6, H7.
  set (N := IZR (Z.of_nat (length a)) * IZR (sumsqZ c) - IZR (sumZ c) * IZR (sumZ c)) in *.
  assert (HU : 0 < U) by (unfold U; apply Rmult_lt_0_compat; auto).
  replace (IZR (Z.of_nat (length a)) * (/ U * / U * IZR (sumsqZ c)) - / U * IZR (sumZ c) * (/ U * IZR (sumZ c)))
    with (N / (U * U)) by (unfold N; field; lra).
  set (t := IZR (10 ^ 12)). assert (Ht : 0 < t) by (unfold t; apply (IZR_lt 0); reflexivity).
  assert (E24 : IZR (10 ^ 24) = t * t) by (unfold t; rewrite <- mult_IZR; reflexivity). rewrite E24 in H6, H7.
  assert (N0 : 0 <= N).
  { apply Rmult_le_reg_r with (t * t); [nra|]. assert (0 <= IZR q * U) by nra. nra. }
  assert (I : 0 < / (U * U * (t * t))) by (apply Rinv_0_lt_compat; apply Rmult_lt_0_compat; nra).
  assert (NU : 0 <= N / (U * U)) by (apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; nra]).
  rewrite plus_IZR in *.
  split; apply sq_le.
  - apply sqrt_pos.
  - rewrite sqrt_sqrt by auto. apply (Rmult_le_compat_r (/ (U * U * (t * t)))) in H6; [|lra].
    replace (IZR q / t * (IZR q / t)) with (IZR q * U * (IZR q * U * 1) * / (U * U * (t * t))) by (field; lra).
    replace (N / (U * U)) with (N * (t * t) * / (U * U * (t * t))) by (field; lra). exact H6.
  - apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat].
  - rewrite sqrt_sqrt by auto. apply (Rmult_le_compat_r (/ (U * U * (t * t)))) in H7; [|lra].
    replace ((IZR q + 1) / t * ((IZR q + 1) / t)) with ((IZR q + 1) * U * ((IZR q + 1) * U * 1) * / (U * U * (t * t))) by (field; lra).
    replace (N / (U * U)) with (N * (t * t) * / (U * U * (t * t))) by (field; lra). exact H7.
Qed.
