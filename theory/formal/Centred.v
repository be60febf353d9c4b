(* N1 in its sharp form, for blocks behind any of the three norms: each block measured about its centre, heads stacked, the first
   attention by its half discs, an MLP by its energy; centres leave every norm, and the blocks' noise can be bounded as one. *)
From ICL Require Export HalfDiscs FarNorms.
Require Import List.
Import ListNotations.

(* ------------------------------------------------------------------ blocks about their centres, in any seminorm *)
Section Centred.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Variable nu : vec -> R.
Hypothesis nu_ext : forall u v, (forall i, (i < d)%nat -> u i = v i) -> nu u = nu v.
Hypothesis nu_add : forall u v, nu (add u v) <= nu u + nu v.
Hypothesis nu_scal : forall a u, nu (scal a u) = Rabs a * nu u.
Definition less (u c : vec) : vec := fun i => u i - c i.
Local Notation sums := (nu_sum d nu nu_ext nu_add nu_scal).
Lemma split_at n H hd (h : stream) t i : pre_update d (PAttn n H hd) h t i
  = sum H (fun k => sum (S t) (fun j => weights (hd k) (fun t => apply_norm d n (h t)) t j * mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i))
    + sum H (fun k => mv d (VO (hd k)) (beta n) i + vb (hd k) i).
Proof.
  simpl pre_update. unfold att. rewrite <- sum_add. apply sum_ext. intros k _. set (z := fun t => apply_norm d n (h t)).
  destruct (weights_ok (hd k) z t) as [_ Hs]. set (p := weights (hd k) z t) in *.
  rewrite <- (Rmult_1_r (mv d (VO (hd k)) (beta n) i + vb (hd k) i)), <- Hs, <- sum_scal, <- sum_add. apply sum_ext. intros j _.
  assert (E : mv d (VO (hd k)) (apply_norm d n (h j)) i = mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i + mv d (VO (hd k)) (beta n) i).
  { unfold mv, dot. rewrite <- sum_add. apply sum_ext. intros. unfold apply_norm, mul. ring. }
  rewrite E. ring.
Qed.
Definition constant H (hd : nat -> Blocks.head) b : vec := fun i => sum H (fun k => mv d (VO (hd k)) b i + vb (hd k) i).

(* attention: whatever set the normalised tokens lie in *)
Theorem attn_centred n H hd h t (c : nat -> vec) (rho : nat -> R) :
  (forall k j, (k < H)%nat -> (j <= t)%nat -> nu (less (mv d (VO (hd k)) (mul (gamma n) (core d n (h j)))) (c k)) <= rho k) ->
  nu (less (pre_update d (PAttn n H hd) h t) (add (constant H hd (beta n)) (fun i => sum H (fun k => c k i)))) <= sum H rho.
Proof.
  intros Hc. set (z := fun t => apply_norm d n (h t)). set (F := fun k => less (fun i => sum (S t)
    (fun j => weights (hd k) z t j * mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i)) (c k)).
  rewrite (nu_ext _ (fun i => sum H (fun k => F k i))).
  - eapply Rle_trans; [apply sums|]. apply sum_le. intros k Hk. destruct (weights_ok (hd k) z t) as [Hp Hs]. set (p := weights (hd k) z t) in *.
    rewrite (nu_ext _ (fun i => sum (S t) (fun j => scal (p j) (less (mv d (VO (hd k)) (mul (gamma n) (core d n (h j)))) (c k)) i))).
    + eapply Rle_trans; [apply sums|]. rewrite <- (Rmult_1_r (rho k)), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
      rewrite nu_scal, Rabs_right by (apply Rle_ge; auto). rewrite (Rmult_comm (rho k)). apply Rmult_le_compat_l; auto. apply Hc; auto. lia.
    + intros i _. unfold F, less, scal. fold p. rewrite <- (Rmult_1_l (c k i)) at 1. rewrite <- Hs.
      rewrite (sum_ext (S t) (fun j => p j * (mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i - c k i))
        (fun j => 1 * (p j * mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i) + - c k i * p j)) by (intros; ring). rewrite sum_lin. ring.
  - intros i _. unfold less at 1. rewrite split_at. unfold add, constant, F, less. fold z.
    rewrite (sum_ext H (fun k => sum (S t) _ - c k i) (fun k => 1 * sum (S t)
      (fun j => weights (hd k) z t j * mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i) + -1 * c k i)) by (intros; ring).
    rewrite sum_lin. ring.
Qed.
(* heads apart: sqrt(d) sum |A_h| *)
Theorem attn_apart n H hd (K : nat -> R) : norm_ok n -> (forall k, (k < H)%nat -> 0 <= K k) ->
  (forall k z, (k < H)%nat -> kept d n z -> nu (mv d (VO (hd k)) (mul (gamma n) z)) <= K k * norm d z) ->
  forall h t, nu (less (pre_update d (PAttn n H hd) h t) (constant H hd (beta n))) <= sum H (fun k => K k * sqrt D).
Proof.
  intros Hn HK0 HK h t. pose proof (attn_centred n H hd h t (fun _ _ => 0) (fun k => K k * sqrt D)) as A.
  rewrite (nu_ext _ (less (pre_update d (PAttn n H hd) h t) (constant H hd (beta n)))) in A.
  - apply A. intros k j Hk _. rewrite (nu_ext _ (mv d (VO (hd k)) (mul (gamma n) (core d n (h j))))) by (intros; unfold less; ring).
    eapply Rle_trans; [apply HK; auto; now apply core_kept|]. apply Rmult_le_compat_l; auto. now apply core_norm.
  - intros i _. unfold less, add. rewrite sum_const. ring.
Qed.
(* the first attention, behind a LayerNorm or an RMSNorm *)
Definition sphere n := match n with DytN _ _ _ => False | _ => norm_ok n end.
Definition part n : vec -> vec := match n with LayerN _ _ _ => P d | _ => fun v => v end.      (* what the norm sees of a vector *)
Lemma core_half_disc n v q z : sphere n -> 0 < norm d (part n v) -> 0 < norm d (across d (unit d (part n v)) (part n q)) ->
  in_half_disc d (unit d (part n v)) (equator d (part n v) (part n q)) (core d n (ray z v q)).
Proof. destruct n; simpl; [now apply half_disc_LN|now apply half_disc_RMS|tauto]. Qed.
Theorem first_attention n H hd w_in b_in pos tok T (c : nat -> vec) (rho : nat -> R) : let e := unit d (part n w_in) in
  let q j := part n (add b_in (pos j)) in sphere n -> 0 < norm d (part n w_in) -> (forall j, (j <= T)%nat -> 0 < norm d (across d e (q j))) ->
  (forall k j s t, (k < H)%nat -> (j <= T)%nat -> s * s + t * t <= 1 -> 0 <= t ->
    nu (less (mv d (VO (hd k)) (mul (gamma n) (fun i => sqrt D * (s * e i + t * equator d (part n w_in) (q j) i)))) (c k)) <= rho k) ->
  nu (less (pre_update d (PAttn n H hd) (embed w_in b_in pos tok) T) (add (constant H hd (beta n)) (fun i => sum H (fun k => c k i)))) <= sum H rho.
Proof.
  intros e q Hn Hv Hq Hc. apply attn_centred. intros k j Hk Hj.
  destruct (core_half_disc n w_in (add b_in (pos j)) (tok j) Hn Hv (Hq j Hj)) as [s [t [Hst [Ht E]]]].
  eapply Rle_trans; [|apply (Hc k j s t Hk Hj Hst Ht)]. right. apply nu_ext. intros i _. unfold less. f_equal. unfold mv. apply dot_ext; auto.
  intros l _. unfold mul. f_equal. apply E.
Qed.
(* and what it adds to a functional, heads apart *)
Theorem first_attention_functional n H hd w_in b_in pos tok T gg (M : nat -> R) : let e := unit d (part n w_in) in
  let q j := part n (add b_in (pos j)) in let A k : mat := fun i l => VO (hd k) i l * gamma n l in
  sphere n -> 0 < norm d (part n w_in) -> (forall j, (j <= T)%nat -> 0 < norm d (across d e (q j))) ->
  (forall k j, (k < H)%nat -> (j <= T)%nat -> Rmax 0 (dot d gg (mv d (A k) (equator d (part n w_in) (q j)))) <= M k) ->
  dot d gg (less (pre_update d (PAttn n H hd) (embed w_in b_in pos tok) T) (constant H hd (beta n)))
  <= sum H (fun k => sqrt D * sqrt (dot d gg (mv d (A k) e) * dot d gg (mv d (A k) e) + M k * M k)).
Proof.
  intros e q A Hn Hv Hq HM. set (h := embed w_in b_in pos tok). set (p k := weights (hd k) (fun t => apply_norm d n (h t)) T).
  apply Rle_trans with (sum H (fun k => dot d gg (fun i => sum (S T) (fun j => p k j * mv d (A k) (core d n (h j)) i)))).
  - right. unfold dot at 1. rewrite (sum_ext d _ (fun i => sum H (fun k => gg i * sum (S T) (fun j => p k j * mv d (A k) (core d n (h j)) i)))).
    + now rewrite sum_swap.
    + intros i _. unfold less. rewrite split_at. unfold constant. rewrite sum_scal. fold h. unfold Rminus. rewrite Rplus_assoc, Rplus_opp_r, Rplus_0_r.
      f_equal. apply sum_ext. intros k _. apply sum_ext. intros j _. unfold p. f_equal. unfold mv, A, mul. apply sum_ext. intros. ring.
  - apply sum_le. intros k Hk. apply (half_disc_functional d d_pos (S T) (p k) (A k) gg e (fun j => equator d (part n w_in) (q j))
    (fun j => core d n (h j)) (M k)).
    + apply weights_ok.
    + intros j Hj. apply (core_half_disc n w_in (add b_in (pos j)) (tok j) Hn Hv). apply Hq. lia.
    + intros j Hj. apply HM; auto. lia.
Qed.

(* heads as one operator: sqrt(H) |[A_1 .. A_H]| sqrt(d) *)
Theorem attn_stacked n H hd K : norm_ok n -> 0 <= K ->
  (forall z : nat -> vec, (forall k, kept d n (z k)) ->
    nu (fun i => sum H (fun k => mv d (VO (hd k)) (mul (gamma n) (z k)) i)) <= K * sqrt (sum H (fun k => dot d (z k) (z k)))) ->
  forall h t, nu (less (pre_update d (PAttn n H hd) h t) (constant H hd (beta n))) <= K * (sqrt (INR H) * sqrt D).
Proof.
  intros Hn HK0 HK h t. set (p := fun k => weights (hd k) (fun t => apply_norm d n (h t)) t).
  set (z := fun k i => sum (S t) (fun j => p k j * core d n (h j) i)).
  assert (Hz : forall k, kept d n (z k)).
  { intros k. destruct n; simpl; auto. unfold z. rewrite sum_swap, (sum_ext (S t) _ (fun _ => 0)); [rewrite sum_const; ring|].
    intros j _. simpl. rewrite sum_scal, LN_sum by auto. ring. }
  rewrite (nu_ext _ (fun i => sum H (fun k => mv d (VO (hd k)) (mul (gamma n) (z k)) i))).
  - eapply Rle_trans; [now apply HK|]. apply Rmult_le_compat_l; auto. rewrite <- sqrt_mult_alt by apply pos_INR. apply sqrt_le_1_alt.
    rewrite <- sum_const. apply sum_le. intros k _. rewrite <- norm_sq. destruct (weights_ok (hd k) (fun t => apply_norm d n (h t)) t) as [Hp Hs].
      fold (p k) in Hp, Hs.
    assert (N : norm d (z k) <= sqrt D).
    { unfold z. eapply Rle_trans; [apply (norm_sum d (S t) (fun j => scal (p k j) (core d n (h j))))|].
      rewrite <- (Rmult_1_l (sqrt D)), <- Hs, (Rmult_comm _ (sqrt D)), <- sum_scal. apply sum_le. intros j Hj.
      rewrite norm_scal, Rabs_right, Rmult_comm by (apply Rle_ge; auto). apply Rmult_le_compat_r; auto. now apply core_norm. }
    rewrite <- (sqrt_sqrt D) by lra. pose proof (norm_pos d (z k)). apply Rmult_le_compat; auto.
  - intros i _. unfold less. rewrite split_at. unfold constant. fold p.
    replace (sum H (fun k => sum (S t) (fun j => weights (hd k) (fun t => apply_norm d n (h t)) t j * mv d (VO (hd k)) (mul (gamma n) (core d n (h j))) i)))
      with (sum H (fun k => mv d (VO (hd k)) (mul (gamma n) (z k)) i)); [ring|]. apply sum_ext. intros k _. fold (p k). unfold mv, dot, mul, z.
    rewrite (sum_ext d _ (fun l => sum (S t) (fun j => p k j * (VO (hd k) i l * (gamma n l * core d n (h j) l))))).
    + rewrite sum_swap. apply sum_ext. intros j _. now rewrite sum_scal.
    + intros l _. rewrite <- !sum_scal. apply sum_ext. intros. ring.
Qed.

(* MLP: delta is what LayerNorm makes the pre-activations leave their centres by *)
Definition delta_of n (W1 : mat) (z : vec) k := dot d (W1 k) (mul (gamma n) z).
Lemma mlp_split n m W1 b1 act W2 b2 h t i : pre_update d (PMlp n m W1 b1 act W2 b2) h t i
  = sum m (fun k => act (delta_of n W1 (core d n (h t)) k + centre d (W1 k) (beta n) (b1 k)) * W2 i k) + b2 i.
Proof.
  simpl pre_update. unfold mlp. f_equal. apply sum_ext. intros k _. do 2 f_equal. unfold delta_of, centre, apply_norm, dot, mul.
  rewrite <- Rplus_assoc, (Rplus_comm _ (b1 k)), (Rplus_comm _ (b1 k)), Rplus_assoc, <- sum_add. f_equal. apply sum_ext. intros. ring.
Qed.
Lemma delta_le n (W1 : mat) (h : stream) t k : norm_ok n -> Rabs (delta_of n W1 (core d n (h t)) k) <= reach d n (W1 k).
Proof. now apply core_reach. Qed.
(* unit by unit: act(u) - lam u in mid +- hw *)
Theorem mlp_centred n m W1 b1 act W2 b2 (lam mid hw : nat -> R) K E : let c k := centre d (W1 k) (beta n) (b1 k) in norm_ok n ->
  (forall k u, (k < m)%nat -> Rabs (u - c k) <= reach d n (W1 k) -> Rabs (act u - lam k * u - mid k) <= hw k) ->
  (forall z, kept d n z -> nu (fun i => sum m (fun k => lam k * delta_of n W1 z k * W2 i k)) <= K * norm d z) -> 0 <= K ->
  (forall v, (forall k, (k < m)%nat -> Rabs (v k) <= hw k) -> nu (fun i => sum m (fun k => v k * W2 i k)) <= E) ->
  forall h t, nu (less (pre_update d (PMlp n m W1 b1 act W2 b2) h t) (fun i => sum m (fun k => (mid k + lam k * c k) * W2 i k) + b2 i)) <= K * sqrt D + E.
Proof.
  intros c Hn HA HK HK0 HE h t. set (z := core d n (h t)). set (u k := delta_of n W1 z k + c k). set (v k := act (u k) - lam k * u k - mid k).
  rewrite (nu_ext _ (add (fun i => sum m (fun k => lam k * delta_of n W1 z k * W2 i k)) (fun i => sum m (fun k => v k * W2 i k)))).
  - eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat.
    + eapply Rle_trans; [apply HK, core_kept; auto|]. apply Rmult_le_compat_l; auto. now apply core_norm.
    + apply HE. intros k Hk. apply HA; auto. unfold u. replace (delta_of n W1 z k + c k - c k) with (delta_of n W1 z k) by ring. now apply delta_le.
  - intros i _. unfold less. rewrite mlp_split. fold z. unfold add. rewrite <- sum_add.
    rewrite (sum_ext m _ (fun k => 1 * (lam k * delta_of n W1 z k * W2 i k + v k * W2 i k) + 1 * ((mid k + lam k * c k) * W2 i k))) by (intros k _;
      unfold v, u, c; ring).
    rewrite sum_lin. ring.
Qed.
(* by energy: act(c + del) = act(c) + lam del + rest, |rest| <= s |del|; S = sum tau s^2 del^2 is what the rests can have of mu |z|^2.
   HK says |[W_2 lam W_1 (mu - S)^(-1/2), W_2 tau^(-1/2)]| <= K, without the roots *)
Theorem mlp_energy n m W1 b1 act W2 b2 (lam s tau : nat -> R) K mu : let c k := centre d (W1 k) (beta n) (b1 k) in norm_ok n ->
  (forall k del, (k < m)%nat -> Rabs del <= reach d n (W1 k) -> Rabs (act (c k + del) - act (c k) - lam k * del) <= s k * Rabs del) ->
  (forall k, (k < m)%nat -> 0 <= tau k) -> 0 <= mu -> 0 <= K ->
  (forall z v x, kept d n z -> 0 <= x ->
    mu * dot d z z - sum m (fun k => tau k * (s k * s k) * (delta_of n W1 z k * delta_of n W1 z k)) + sum m (fun k => tau k * (v k * v k)) <= x * x ->
    nu (fun i => sum m (fun k => (lam k * delta_of n W1 z k + v k) * W2 i k)) <= K * x) ->
  forall h t, nu (less (pre_update d (PMlp n m W1 b1 act W2 b2) h t) (fun i => sum m (fun k => act (c k) * W2 i k) + b2 i)) <= K * sqrt (mu * D).
Proof.
  intros c Hn HA Ht Hm HK0 HK h t. set (z := core d n (h t)). set (v k := act (c k + delta_of n W1 z k) - act (c k) - lam k * delta_of n W1 z k).
  rewrite (nu_ext _ (fun i => sum m (fun k => (lam k * delta_of n W1 z k + v k) * W2 i k))).
  - apply HK; [apply core_kept; auto|apply sqrt_pos|]. rewrite sqrt_sqrt by (apply Rmult_le_pos; lra).
    assert (Z : dot d z z <= D).
    { rewrite <- norm_sq, <- (sqrt_sqrt D) by lra. pose proof (norm_pos d z). pose proof (core_norm d d_pos n (h t) Hn). apply Rmult_le_compat; auto. }
    assert (sum m (fun k => tau k * (v k * v k)) <= sum m (fun k => tau k * (s k * s k) * (delta_of n W1 z k * delta_of n W1 z k))).
    { apply sum_le. intros k Hk. specialize (Ht k Hk). rewrite Rmult_assoc. apply Rmult_le_compat_l; auto.
      pose proof (HA k _ Hk (delta_le n W1 h t k Hn)) as V. fold z in V. fold (v k) in V.
      pose proof (Rabs_pos (v k)). assert (E : forall x, x * x = Rabs x * Rabs x) by (intros; rewrite <- Rabs_mult; symmetry; apply Rabs_right; nra).
      rewrite (E (v k)), (E (delta_of n W1 z k)). replace (s k * s k * (Rabs (delta_of n W1 z k) * Rabs (delta_of n W1 z k)))
        with (s k * Rabs (delta_of n W1 z k) * (s k * Rabs (delta_of n W1 z k))) by ring. apply Rmult_le_compat; auto. }
    nra.
  - intros i _. unfold less. rewrite mlp_split. fold z.
    rewrite (sum_ext m _ (fun k => 1 * ((lam k * delta_of n W1 z k + v k) * W2 i k) + 1 * (act (c k) * W2 i k))).
    + rewrite sum_lin. ring.
    + intros k _. unfold v, c. rewrite (Rplus_comm (centre d (W1 k) (beta n) (b1 k)) (delta_of n W1 z k)). ring.
Qed.

(* the stream: centres are summed before the norm is taken, and so can the noise be, each block's in a set of its own *)
Definition within (B : pre) (cS : vec * (vec -> Prop)) := forall h t, snd cS (less (pre_update d B h t) (fst cS)).
Definition total (us : list vec) : vec := fun i => fold_right Rplus 0 (map (fun u => u i) us).
Theorem run_together net cSs h t : Forall2 within net cSs ->
  exists us, Forall2 (fun cS u => snd cS u) cSs us /\ forall i, pre_run d net h t i - h t i = total (map fst cSs) i + total us i.
Proof.
  intros F. revert h. induction F as [|B [c S] net cSs HB HF IH]; intros h; simpl.
  - exists []. split; [constructor|]. intros. unfold total. simpl. ring.
  - set (h1 := fun t => add (h t) (pre_update d B h t)). destruct (IH h1) as [us [U E]].
    exists (less (pre_update d B h t) c :: us). split; [constructor; auto; apply (HB h t)|]. intros i. specialize (E i). unfold total in *. simpl.
    replace (pre_run d net h1 t i - h t i) with ((pre_run d net h1 t i - h1 t i) + pre_update d B h t i) by (unfold h1, add; ring).
    rewrite E. unfold less. ring.
Qed.
Theorem run_centred net cs rhos h t : Forall2 (fun B cr => forall h t, nu (less (pre_update d B h t) (fst cr)) <= snd cr) net (combine cs rhos) ->
  length cs = length rhos ->
  nu (less (less (pre_run d net h t) (h t)) (total cs)) <= fold_right Rplus 0 rhos.
Proof.
  revert h cs rhos. induction net as [|B net IH]; intros h cs rhos F L.
  - inversion F as [E|]. destruct cs, rhos; try discriminate. simpl. rewrite (nu_ext _ (scal 0 (h t))) by (intros; unfold less, total, scal; simpl;
    ring).
    rewrite nu_scal, Rabs_R0. lra.
  - destruct cs as [|c cs], rhos as [|r rhos]; try discriminate; inversion F; subst. simpl. set (h1 := fun t => add (h t) (pre_update d B h t)).
    rewrite (nu_ext _ (add (less (pre_update d B h t) c) (less (less (pre_run d net h1 t) (h1 t)) (total cs)))) by (intros;
      unfold less, total, h1, add; simpl; ring).
    eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat; [apply (H2 h t)|apply IH; auto].
Qed.
(* with a bound for the first block that holds for its own input alone, as that of the half discs *)
Theorem run_first B net c cs r rhos h t : nu (less (pre_update d B h t) c) <= r ->
  Forall2 (fun B cr => forall h t, nu (less (pre_update d B h t) (fst cr)) <= snd cr) net (combine cs rhos) -> length cs = length rhos ->
  nu (less (less (pre_run d (B :: net) h t) (h t)) (total (c :: cs))) <= r + fold_right Rplus 0 rhos.
Proof.
  intros H1 F L. simpl. set (h1 := fun t => add (h t) (pre_update d B h t)).
  rewrite (nu_ext _ (add (less (pre_update d B h t) c) (less (less (pre_run d net h1 t) (h1 t)) (total cs)))) by (intros;
    unfold less, total, h1, add; simpl; ring).
  eapply Rle_trans; [apply nu_add|]. apply Rplus_le_compat; auto. now apply run_centred.
Qed.
End Centred.
