(* R_tot (N1), the ceiling (L2) and the blindness radius X~ (N3) of a float32 transformer as kernel-checked numbers: one boolean,
   computed in integers on the model's exact weights. Holds for all prompts, all attention scores, every eps up to a bound, and every
   activation between u/2 and max(0, u): so the file of a model carries no queries, keys or activation. *)
From ICL Require Export AttentionBound MlpBound.
From ICL Require Import Blindness.
Require Import ZArith List.
Import ListNotations.

Section Attention.
Variables K t s q : Z.                                      (* bits of the weights, of vectors, of the factors, of Gram matrices *)
Hypothesis bits : (0 < q <= s /\ s <= t < K)%Z.
Local Notation to := (to t).
Variables (A : attn_z) (extras : list (list (list Z))).
Let d := length (g_a A).
Definition attn_fits := ((0 <? length (g_a A))%nat && (length (b_a A) =? length (g_a A))%nat && (length (bo A) =? length (g_a A))%nat
  && (0 <? length (heads_a A))%nat && (length extras =? length (heads_a A))%nat
  && forallb (fun he => head_fits (g_a A) (fst he) (snd he)) (combine (heads_a A) extras))%bool.
Definition values_z h := map (fun rb => (dotZ (fst rb) (b_a A) + snd rb * 2 ^ K)%Z) (combine (wv h) (bv h)).            (* scale 2 K *)
Definition head_constant h := let v := values_z h in map (fun r => dotZ r v) (wo h).                                            (* scale 3 K *)
Definition attn_constant := map (near (K + (K + K)) t)
  (fold_right (fun h acc => zip Z.add (head_constant h) acc) (map (fun x => (x * 2 ^ (K + K))%Z) (bo A)) (heads_a A)).
Definition head_tops := map (fun he => Z.max 0 (head_top K t s q (g_a A) (fst he) (snd he))) (combine (heads_a A) extras).
Definition attn_top := (to (t + t) (sumZ head_tops * Z.sqrt_up (Z.of_nat (length (g_a A)) * (2 ^ t * 2 ^ t)))
  + pnorm_up attn_constant + Z.of_nat (length (g_a A)))%Z.

Lemma values_ok h l : length (b_a A) = d -> length (wv h) = length (bv h) -> widths d (wv h) = true -> (l < length (bv h))%nat ->
  vl (K + K) (values_z h) l = dot d (ml K (wv h) l) (vl K (b_a A)) + vl K (bv h) l.
Proof.
  intros Lb Lv Wv Hl. unfold vl at 1, values_z, at_. set (f := fun rb => (dotZ (fst rb) (b_a A) + snd rb * 2 ^ K)%Z).
  rewrite (nth_indep _ 0%Z (f ([], 0%Z))) by (rewrite map_length, combine_length; lia). rewrite map_nth, combine_nth by auto.
  unfold f. simpl fst. simpl snd. assert (Lr : length (nth l (wv h) []) = d) by (apply widths_ok; auto; lia).
  rewrite dy_add, dy_mul by lia. unfold ml. rewrite <- Lr at 1. rewrite dot_vl by (try lia; congruence).
  f_equal. unfold vl, at_. assert (O1 : dy K (2 ^ K) = 1) by (unfold dy; field; apply Rgt_not_eq, two_pos; lia). rewrite O1. ring.
Qed.
Definition head_part h i := dot (length (bv h)) (ml K (wo h) i) (fun l => dot d (ml K (wv h) l) (vl K (b_a A)) + vl K (bv h) l).
Lemma head_constant_entry h e i : length (b_a A) = d -> head_fits (g_a A) h e = true -> (i < d)%nat ->
  length (head_constant h) = d /\ vl (K + (K + K)) (head_constant h) i = head_part h i.
Proof.
  unfold head_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros Lb [[[[[Lo Wo] Lv] Wv] _] _] Hi. fold d in Lo, Wv.
  split; [unfold head_constant; now rewrite map_length|]. unfold vl, head_constant, at_.
  rewrite (nth_indep _ 0%Z ((fun r => dotZ r (values_z h)) [])) by (rewrite map_length; lia). rewrite (map_nth (fun r => dotZ r (values_z h))).
  assert (Lr : length (nth i (wo h) []) = length (bv h)) by (apply widths_ok; auto; lia).
  assert (Lz : length (values_z h) = length (bv h)) by (unfold values_z; rewrite map_length, combine_length; lia).
  rewrite <- dot_vl by (try lia; congruence). rewrite Lr. unfold head_part. apply dot_ext; auto. intros l Hl. now apply values_ok.
Qed.
Theorem attn_top_ok scores eps : attn_fits = true -> 0 <= eps -> bounded d eps (attn_block K scores A) (dy t attn_top).
Proof.
  unfold attn_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros [[[[[Hd Lb] Lbo] HH] Lx] Fit] He.
  apply Nat.ltb_lt in Hd, HH. fold d in Hd, Lb, Lbo. set (H := length (heads_a A)) in *.
  assert (Fk : forall k, (k < H)%nat -> head_fits (g_a A) (nth k (heads_a A) no_head) (nth k extras []) = true).
  { intros k Hk. rewrite forallb_forall in Fit. apply (Fit (nth k (heads_a A) no_head, nth k extras [])). rewrite <- combine_nth by auto.
    apply nth_In. rewrite combine_length, Lx. fold H. lia. }
  assert (Lt : length head_tops = H) by (unfold head_tops; rewrite map_length, combine_length, Lx; fold H; lia).
  assert (Tk : forall k, (k < H)%nat -> at_ head_tops k = Z.max 0 (head_top K t s q (g_a A) (nth k (heads_a A) no_head) (nth k extras []))).
  { intros k Hk. unfold at_, head_tops. set (f := fun he => Z.max 0 (head_top K t s q (g_a A) (fst he) (snd he))).
    rewrite (nth_indep _ 0%Z (f (no_head, []))) by (rewrite map_length, combine_length, Lx; fold H; lia).
    rewrite map_nth, combine_nth by auto. reflexivity. }
  set (hd := fun k => head_of K (scores k) (nth k (heads_a A) no_head) (match k with O => vl K (bo A) | S _ => fun _ => 0 end)).
  assert (Nonneg : forall k, (k < H)%nat -> 0 <= dy t (at_ head_tops k)).
  { intros k Hk. rewrite Tk, <- (dy_0 t) by auto. apply dy_le; lia. }
  (* the constant *)
  set (exact := fold_right (fun h acc => zip Z.add (head_constant h) acc) (map (fun x => (x * 2 ^ (K + K))%Z) (bo A)) (heads_a A)).
  assert (Ex : forall i, (i < d)%nat -> vl (K + (K + K)) exact i = sum H (fun k => head_part (nth k (heads_a A) no_head) i) + vl K (bo A) i /\ length exact = d).
  { intros i Hi. unfold exact, H. assert (Fh : forall h, In h (heads_a A) -> exists e, head_fits (g_a A) h e = true).
    { intros h Hh. apply (In_nth _ _ no_head) in Hh. destruct Hh as [k [Hk <-]]. exists (nth k extras []). now apply Fk. }
    clear - Fh Hi Lb Lbo bits. induction (heads_a A) as [|h hs IH]; simpl fold_right; simpl length.
    - split; [|rewrite map_length; auto]. simpl sum. rewrite Rplus_0_l. unfold vl. rewrite at_map by lia. rewrite dy_mul by lia.
      assert (O1 : dy (K + K) (2 ^ (K + K)) = 1) by (unfold dy; field; apply Rgt_not_eq, two_pos; lia). rewrite O1. ring.
    - destruct IH as [E L]; [intros; apply Fh; right; auto|]. destruct (Fh h (or_introl eq_refl)) as [e Fe].
      destruct (head_constant_entry h e i Lb Fe Hi) as [Lh Eh]. split; [|rewrite length_zip; congruence].
      rewrite sum_front. simpl nth. rewrite Rplus_assoc, <- E, <- Eh. unfold vl. rewrite at_zip by (auto; congruence). apply dy_add. }
  assert (Lc : length attn_constant = d) by (unfold attn_constant; rewrite map_length; destruct (Ex O Hd); auto).
  assert (Const : norm d (P d (fun i => sum H (fun k => mv d (VO (hd k)) (vl K (b_a A)) i + vb (hd k) i))) <= dy t (pnorm_up attn_constant) + dy t (Z.of_nat d)).
  { eapply Rle_trans; [apply (norm_P_entries d _ (vl t attn_constant) (ulp t)); auto; [left; apply ulp_pos; lia|]|].
    - intros i Hi. assert (Ei : sum H (fun k => mv d (VO (hd k)) (vl K (b_a A)) i + vb (hd k) i) = vl (K + (K + K)) exact i).
      { destruct (Ex i Hi) as [-> _]. assert (Hb : sum H (fun k => match k with O => vl K (bo A) i | S _ => 0 end) = vl K (bo A) i).
        { destruct H as [|H']; [lia|]. rewrite sum_front. cbv beta iota. rewrite sum_const. ring. }
        rewrite <- Hb, <- sum_add. apply sum_ext. intros k _. unfold hd, head_of. cbn [VO vb softmax_head]. set (h := nth k (heads_a A) no_head).
        unfold head_part. unfold mv. unfold dot at 1.
        rewrite (sum_ext d _ (fun j => sum (length (bv h)) (fun l => ml K (wo h) i l * (ml K (wv h) l j * vl K (b_a A) j)))).
        - rewrite sum_swap, <- Rplus_assoc. f_equal; [|destruct k; reflexivity]. unfold dot at 1 2. rewrite <- sum_add. apply sum_ext. intros l _. rewrite sum_scal. unfold dot. ring.
        - intros j _. unfold dot. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring. }
      rewrite Ei. unfold attn_constant. fold exact. apply vl_near. lia.
    - rewrite <- Lc. apply Rplus_le_compat; [apply pnorm_up_ok; lia|]. rewrite Lc, <- dy_INR, INR_IZR_INZ. apply Rmult_le_compat_l; [apply (IZR_le 0); lia|apply ulp_le; lia]. }
  intros h u. eapply Rle_trans; [apply (attn_bounded d Hd eps He (vl K (g_a A)) (vl K (b_a A)) H hd (fun k => dy t (at_ head_tops k)))|].
  - intros k z Hk Hz. pose proof (head_top_ok K t s q ltac:(lia) (g_a A) (nth k (heads_a A) no_head) (nth k extras []) (scores k)
      (match k with O => vl K (bo A) | S _ => fun _ => 0 end) Hd (Fk k Hk) z Hz) as Q. eapply Rle_trans; [exact Q|].
    apply Rmult_le_compat_r; [apply norm_pos|]. rewrite Tk by auto. apply dy_le; lia.
  - auto.
  - unfold attn_top. fold d. rewrite !dy_add, Rplus_assoc. apply Rplus_le_compat; auto.
    eapply Rle_trans; [|apply to_ok; lia]. rewrite dy_mul by lia. apply Rmult_le_compat.
    + apply sum_nonneg. auto.
    + apply sqrt_pos.
    + right. rewrite <- Lt. unfold dy. rewrite (sum_ext _ _ (fun j => / IZR (2 ^ t) * IZR (at_ head_tops j))) by (intros; unfold Rdiv; ring).
      rewrite sum_scal, sum_IZR. unfold Rdiv. ring.
    + eapply Rle_trans; [|apply sqrt_up_ok; [lia|]]. 
      * right. f_equal. rewrite !mult_IZR, <- INR_IZR_INZ. pose proof (two_pos t ltac:(lia)). field. lra.
      * apply Z.mul_nonneg_nonneg; [lia|]. apply Z.mul_nonneg_nonneg; apply Z.pow_nonneg; lia.
Qed.
End Attention.

(* ------------------------------------------------------------------ the model *)
Inductive block_z := AttnZ (A : attn_z) (extras : list (list (list Z))) | MlpZ (M : mlp_z) (extra1 extra2 : list (list Z)).
Record model_z := { w_in_z : list Z; b_in_z : list Z; pos_z : list (list Z); blocks_z : list block_z;
                    w_z : list Z; g_z : list Z; b_z : list Z; b0_z : Z }.

Section Model.
Variables K t s q : Z.
Hypothesis bits : (0 < q <= s /\ s <= t < K)%Z.
Fixpoint network (act : R -> R) (scores : nat -> nat -> stream -> nat -> nat -> R) (i : nat) (bs : list block_z) : list block := match bs with
  | [] => []
  | AttnZ A _ :: r => attn_block K (scores i) A :: network act scores (S i) r
  | MlpZ M _ _ :: r => mlp_block K act M :: network act scores (S i) r end.
Definition block_fits d B := match B with
  | AttnZ A e => ((length (g_a A) =? d)%nat && attn_fits A e)%bool
  | MlpZ M e e' => ((length (g_m M) =? d)%nat && mlp_fits M e e')%bool end.
Definition block_top B := match B with AttnZ A e => attn_top K t s q A e | MlpZ M e e' => mlp_top K t q M e e' end.
Lemma network_bounded act scores eps d bs i : 0 <= eps -> (forall u, u / 2 <= act u <= Rmax 0 u) -> forallb (block_fits d) bs = true ->
  Forall2 (bounded d eps) (network act scores i bs) (map (fun B => dy t (block_top B)) bs).
Proof.
  intros He Ha. revert i. induction bs as [|[A e|M e e'] bs IH]; intros i H; simpl in *; [constructor| |];
    rewrite !Bool.andb_true_iff, Nat.eqb_eq in H; destruct H as [[Hd Hf] Hr]; constructor; auto; subst d.
  - now apply attn_top_ok.
  - apply mlp_top_ok; auto. lia.
Qed.

Variable m : model_z.
Let d := length (w_in_z m).
Definition start_top (p : list Z) := (pnorm_up (zip Z.add (map (near K t) (b_in_z m)) (map (near K t) p)) + 2 * Z.of_nat (length (w_in_z m)))%Z.
Definition start_tops := fold_right Z.max (start_top (repeat 0%Z (length (w_in_z m)))) (map start_top (pos_z m)).
Definition r_tot := (start_tops + sumZ (map block_top (blocks_z m)))%Z.                    (* scale t *)
Definition speed := (pnorm_low (map (near K t) (w_in_z m)) - Z.of_nat (length (w_in_z m)))%Z.      (* |P w_in| is at least this *)
Variable eps_top : Z.                                                                             (* eps <= eps_top / 2^t *)
Definition x_from r := (Z.sqrt_up (r * r + Z.of_nat (length (w_in_z m)) * eps_top * 2 ^ t) * 2 ^ t / speed + 1)%Z.
Definition ceiling_top := ceil_top t (map (near K t) (w_z m)) (map (near K t) (g_z m)).
Definition fits := ((0 <? length (w_in_z m))%nat && (length (b_in_z m) =? length (w_in_z m))%nat && widths (length (w_in_z m)) (pos_z m)
  && forallb (block_fits (length (w_in_z m))) (blocks_z m) && (length (w_z m) =? length (w_in_z m))%nat && (length (g_z m) =? length (w_in_z m))%nat
  && (0 <? speed)%Z && (0 <=? eps_top)%Z)%bool.
(* the whole check: R bounds what the blocks add, C is the ceiling's radius, X the radius from which contexts are told apart less and less *)
Definition certified R C X := let r := r_tot in (fits && (0 <=? r) && (r <=? R) && (ceiling_top <=? C) && (x_from r <=? X))%Z%bool.

Definition positions : nat -> vec := ml K (pos_z m).
Definition predict act scores eps := transformer d eps (vl K (w_in_z m)) (vl K (b_in_z m)) positions (network act scores 0 (blocks_z m))
  (vl K (w_z m)) (vl K (g_z m)) (vl K (b_z m)) (dy K (b0_z m)).
Definition added act scores eps := resid d eps (vl K (w_in_z m)) (vl K (b_in_z m)) positions (network act scores 0 (blocks_z m)).

(* what it proves: of every prompt, N1, L2 and N3 (i) *)
Definition claims R C X := forall act scores eps, (forall u, u / 2 <= act u <= Rmax 0 u) -> 0 <= eps <= dy t eps_top ->
  (forall x c, norm d (P d (added act scores eps x c)) <= dy t R) /\
  (forall x c, Rabs (predict act scores eps x c - centre d (vl K (w_z m)) (vl K (b_z m)) (dy K (b0_z m))) <= dy t C) /\
  (forall x c c', dy t X < x -> Rabs (predict act scores eps x c - predict act scores eps x c') <= 2 * dy t C * (dy t X / x)).
Theorem certified_sound R C X : certified R C X = true -> claims R C X.
Proof.
  unfold certified, fits. cbv zeta. rewrite !Bool.andb_true_iff, !Nat.eqb_eq.
  intros [[[[[[[[[[[Hd Lb] Wp] Fb] Lw] Lg] Sp] Et] Rt] HR] HC] HX]. intros act scores eps Ha [He1 He2].
  apply Nat.ltb_lt in Hd. apply Z.ltb_lt in Sp. apply Z.leb_le in Rt, Et, HR, HC, HX. fold d in Hd, Lb, Wp, Fb, Lw, Lg.
  apply (dy_le t _ _ ltac:(lia)) in HR, HC, HX.
  pose proof (network_bounded act scores eps d (blocks_z m) 0 He1 Ha Fb) as Net.
  set (Ks := map (fun B => dy t (block_top B)) (blocks_z m)) in *.
  assert (Dn : INR d = IZR (Z.of_nat d)) by apply INR_IZR_INZ.
  (* where a token starts *)
  assert (One : forall p, length p = d -> norm d (P d (add (vl K (b_in_z m)) (vl K p))) <= dy t (start_top p)).
  { intros p Lp. unfold start_top. fold d. set (b' := map (near K t) (b_in_z m)). set (p' := map (near K t) p).
    assert (Lz : length (zip Z.add b' p') = d) by (rewrite length_zip; unfold b', p'; rewrite !map_length; congruence).
    rewrite dy_add. eapply Rle_trans; [apply (norm_P_entries d _ (vl t (zip Z.add b' p')) (ulp t + ulp t)); auto|].
    - pose proof (ulp_pos t ltac:(lia)). lra.
    - intros i _. assert (E : vl t (zip Z.add b' p') i = vl t b' i + vl t p' i).
      { unfold vl. rewrite at_zip by (auto; unfold b', p'; rewrite !map_length; congruence). apply dy_add. }
      rewrite E. unfold add. replace (vl K (b_in_z m) i + vl K p i - (vl t b' i + vl t p' i)) with ((vl K (b_in_z m) i - vl t b' i) + (vl K p i - vl t p' i)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; apply vl_near; lia.
    - rewrite <- Lz. apply Rplus_le_compat; [apply pnorm_up_ok; lia|]. rewrite Lz, Dn. pose proof (ulp_le t ltac:(lia)) as U.
      apply Rle_trans with (IZR (Z.of_nat d) * (dy t 1 + dy t 1)); [apply Rmult_le_compat_l; [apply (IZR_le 0); lia|lra]|].
      right. unfold dy. rewrite mult_IZR. unfold Rdiv. ring. }
  assert (Start : forall T, norm d (P d (add (vl K (b_in_z m)) (positions T))) <= dy t start_tops).
  { intros T. unfold start_tops. fold d. destruct (le_lt_dec (length (pos_z m)) T) as [L|L].
    - apply Rle_trans with (dy t (start_top (repeat 0%Z d))).
      + rewrite (normP_ext d _ (add (vl K (b_in_z m)) (vl K (repeat 0%Z d)))); [apply One, repeat_length|].
        intros i _. unfold add, positions, ml. f_equal. rewrite nth_overflow by auto. unfold vl. rewrite at_repeat. unfold at_. destruct i; reflexivity.
      + apply dy_le; [lia|]. clear. induction (pos_z m); simpl; lia.
    - eapply Rle_trans; [apply (One (nth T (pos_z m) [])); now apply widths_ok|]. apply dy_le; [lia|].
      revert L. generalize T. clear. induction (pos_z m) as [|p ps IH]; intros T L; simpl in *; [lia|]. destruct T; [lia|]. specialize (IH T ltac:(lia)). lia. }
  assert (Rsum : Rtot Ks (dy t start_tops) = dy t r_tot).
  { unfold Rtot, r_tot, Ks. rewrite dy_add. f_equal. clear. induction (blocks_z m); simpl; [unfold dy, Rdiv; ring|]. rewrite dy_add. now f_equal. }
  assert (R0 : 0 <= dy t r_tot) by (rewrite <- (dy_0 t); apply dy_le; lia).
  (* the speed of the query's own ray *)
  assert (W : dy t speed <= norm d (P d (vl K (w_in_z m)))).
  { set (w' := map (near K t) (w_in_z m)). assert (L' : length w' = d) by apply map_length.
    pose proof (norm_P_entries d (vl t w') (vl K (w_in_z m)) (ulp t) Hd ltac:(left; apply ulp_pos; lia)) as A.
    specialize (A (fun i _ => Rle_trans _ _ _ (Req_le _ _ (Rabs_minus_sym _ _)) (vl_near K t (w_in_z m) i ltac:(lia)))).
    pose proof (pnorm_low_ok t w' ltac:(lia) ltac:(lia)) as B. rewrite L' in B. unfold speed. fold w' d. rewrite dy_sub.
    pose proof (ulp_le t ltac:(lia)). rewrite Dn in A. assert (IZR (Z.of_nat d) * ulp t <= dy t (Z.of_nat d)).
    { rewrite <- dy_INR. apply Rmult_le_compat_l; [apply (IZR_le 0); lia|auto]. }
    lra. }
  assert (S0 : 0 < dy t speed). { unfold dy. apply Rmult_lt_0_compat; [now apply (IZR_lt 0)|apply Rinv_0_lt_compat, two_pos; lia]. }
  assert (W0 : 0 < norm d (P d (vl K (w_in_z m)))) by lra.
  assert (Ce : ceil d (vl K (w_z m)) (vl K (g_z m)) <= dy t ceiling_top).
  { pose proof (ceil_top_ok K t ltac:(lia) (w_z m) (g_z m)) as Q. rewrite Lw in Q. apply Q; [congruence|auto]. }
  assert (C0 : 0 <= ceil d (vl K (w_z m)) (vl K (g_z m))) by (apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]).
  (* X~ *)
  assert (Far : far_radius d eps (vl K (w_in_z m)) Ks (dy t start_tops) <= dy t (x_from r_tot)).
  { unfold far_radius. rewrite Rsum. set (q2 := Z.sqrt_up (r_tot * r_tot + Z.of_nat d * eps_top * 2 ^ t)).
    assert (Q : radius d eps (dy t r_tot) <= dy t q2).
    { assert (0 <= 2 ^ t)%Z by (apply Z.pow_nonneg; lia). eapply Rle_trans; [|apply sqrt_up_ok; [lia|nia]]. unfold radius. apply sqrt_le_1_alt.
      rewrite plus_IZR, !mult_IZR. pose proof (two_pos t ltac:(lia)). unfold dy in He2 |- *.
      replace ((IZR r_tot * IZR r_tot + IZR (Z.of_nat d) * IZR eps_top * IZR (2 ^ t)) / (IZR (2 ^ t) * IZR (2 ^ t)))
        with (IZR r_tot / IZR (2 ^ t) * (IZR r_tot / IZR (2 ^ t)) + IZR (Z.of_nat d) * (IZR eps_top / IZR (2 ^ t))) by (field; lra).
      apply Rplus_le_compat_l. rewrite Dn. apply Rmult_le_compat_l; [apply (IZR_le 0); lia|auto]. }
    assert (q20 : (0 <= q2)%Z) by apply Z.sqrt_up_nonneg.
    apply Rle_trans with (dy t q2 / dy t speed).
    - unfold Rdiv. apply Rmult_le_compat; [apply sqrt_pos|left; now apply Rinv_0_lt_compat|auto|]. apply Rinv_le_contravar; auto.
    - unfold x_from. fold d q2. apply Rmult_le_reg_r with (dy t speed); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
      pose proof (Z.mul_succ_div_gt (q2 * 2 ^ t) speed Sp) as L. apply Z.lt_le_incl, IZR_le in L. rewrite !mult_IZR, succ_IZR in L.
      unfold dy. rewrite plus_IZR. pose proof (two_pos t ltac:(lia)) as P2. apply Rmult_le_reg_r with (IZR (2 ^ t) * IZR (2 ^ t)); [nra|].
      replace (IZR q2 / IZR (2 ^ t) * (IZR (2 ^ t) * IZR (2 ^ t))) with (IZR q2 * IZR (2 ^ t)) by (field; lra).
      replace ((IZR (q2 * 2 ^ t / speed) + 1) / IZR (2 ^ t) * (IZR speed / IZR (2 ^ t)) * (IZR (2 ^ t) * IZR (2 ^ t)))
        with (IZR speed * (IZR (q2 * 2 ^ t / speed) + 1)) by (field; lra). auto. }
  split; [|split].
  - intros x c. eapply Rle_trans; [|exact HR]. rewrite <- Rsum. now apply resid_bound.
  - intros x c. eapply Rle_trans; [apply (ceiling d Hd eps)|]; auto. lra.
  - intros x c c' Hx. pose proof (far_radius_pos d eps (vl K (w_in_z m)) Ks (dy t start_tops) W0) as F0.
    eapply Rle_trans; [apply (context_spread d Hd eps He1 (vl K (w_in_z m)) (vl K (b_in_z m)) positions (network act scores 0 (blocks_z m)) Ks
      (vl K (w_z m)) (vl K (g_z m)) (vl K (b_z m)) (dy K (b0_z m)) (dy t start_tops) Net Start W0 x c c'); lra|].
    assert (X0 : 0 < x) by lra. apply Rmult_le_compat; [lra| |lra|].
    + apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat].
    + apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|lra].
Qed.
End Model.
